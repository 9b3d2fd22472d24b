"""A command's history is written once."""

from django.db import migrations

FORWARD = """
REVOKE UPDATE, DELETE ON meters_commandevent FROM rm_app, rm_everything;
CREATE TRIGGER commandevent_append_only BEFORE UPDATE OR DELETE ON meters_commandevent
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
BACKWARD = """
DROP TRIGGER commandevent_append_only ON meters_commandevent;
GRANT UPDATE, DELETE ON meters_commandevent TO rm_app, rm_everything;
"""


class Migration(migrations.Migration):
    dependencies = [("meters", "0001_initial"), ("accounts", "0002_audit_is_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
