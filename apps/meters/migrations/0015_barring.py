"""A device is barred and allowed again, and its history says why."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("meters", "0014_stock_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="stockevent",
            name="reason",
            field=models.CharField(blank=True, max_length=200, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="stockevent",
            name="act",
            field=models.CharField(
                choices=[
                    ("TAKEN_IN", "taken into stock"),
                    ("CARD", "new claim code, with a card"),
                    ("BARRED", "taken out of service"),
                    ("ALLOWED", "allowed again"),
                ],
                max_length=10,
                verbose_name="act",
            ),
        ),
    ]
