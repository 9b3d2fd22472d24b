"""The audit's chain: one seal a line, written once like the line."""

import django.db.models.deletion
from django.db import migrations, models

import apps.common.ids
import apps.common.scoping
import apps.common.walls

FORWARD = """
REVOKE UPDATE, DELETE ON accounts_auditseal FROM rm_app, rm_everything;
CREATE TRIGGER auditseal_append_only BEFORE UPDATE OR DELETE ON accounts_auditseal
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
BACKWARD = """
DROP TRIGGER auditseal_append_only ON accounts_auditseal;
GRANT UPDATE, DELETE ON accounts_auditseal TO rm_app, rm_everything;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_doors_of_phone_sessions"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("place", models.PositiveBigIntegerField()),
                ("link", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "landlord",
                    models.ForeignKey(
                        db_index=False,
                        default=apps.common.scoping.current_landlord_id,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.landlord",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.auditline",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("landlord", "place"), name="accounts_seal_place_once"),
                    models.UniqueConstraint(fields=("landlord", "line"), name="accounts_seal_line_once"),
                    models.UniqueConstraint(fields=("landlord", "id"), name="accounts_auditseal_key"),
                    apps.common.walls.LandlordWall(name="accounts_auditseal_wall"),
                    apps.common.walls.SameLandlord(
                        field="line", name="accounts_auditseal_line_same_landlord"
                    ),
                ],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
