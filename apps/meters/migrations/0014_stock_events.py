"""Who did what to a device in stock, written once."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.common.ids

FORWARD = """
REVOKE UPDATE, DELETE ON meters_stockevent FROM rm_app, rm_everything;
CREATE TRIGGER stockevent_append_only BEFORE UPDATE OR DELETE ON meters_stockevent
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
BACKWARD = """
DROP TRIGGER stockevent_append_only ON meters_stockevent;
GRANT UPDATE, DELETE ON meters_stockevent TO rm_app, rm_everything;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("meters", "0013_session_number"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StockEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="time")),
                (
                    "act",
                    models.CharField(
                        choices=[("TAKEN_IN", "taken into stock"), ("CARD", "new claim code, with a card")],
                        max_length=10,
                        verbose_name="act",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "stocked",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="meters.stockedmeter",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
