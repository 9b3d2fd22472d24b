"""The books are written once, by grants and by triggers: a correction is a reversal."""

from django.db import migrations

FORWARD = """
REVOKE UPDATE, DELETE ON income_entry, income_posting FROM rm_app, rm_everything;
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON income_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE ON income_posting
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
BACKWARD = """
DROP TRIGGER posting_append_only ON income_posting;
DROP TRIGGER entry_append_only ON income_entry;
GRANT UPDATE, DELETE ON income_entry, income_posting TO rm_app, rm_everything;
"""


class Migration(migrations.Migration):
    dependencies = [("income", "0001_initial"), ("accounts", "0002_audit_is_append_only")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
