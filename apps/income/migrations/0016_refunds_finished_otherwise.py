from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("income", "0015_graces")]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="finish_way",
            field=models.CharField(
                blank=True,
                choices=[("CARD", "CARD"), ("MERCHANT", "MERCHANT")],
                default="",
                max_length=8,
                verbose_name="other way",
            ),
            preserve_default=False,
        ),
    ]
