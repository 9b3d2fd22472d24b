"""A session's number gets its name for people; nothing in the table changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("meters", "0012_last_read_is_found_at_once")]

    operations = [
        migrations.AlterField(
            "presence", "epoch", models.PositiveBigIntegerField(default=0, verbose_name="session number")
        )
    ]
