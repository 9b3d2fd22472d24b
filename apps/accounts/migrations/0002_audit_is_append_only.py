"""The audit is written once: no login of ours may change or remove a line, and a trigger says so to the owner."""

from django.db import migrations

FORWARD = """
REVOKE UPDATE, DELETE ON accounts_auditline FROM rm_app, rm_everything;
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a correction is a new row', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER auditline_append_only BEFORE UPDATE OR DELETE ON accounts_auditline
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
BACKWARD = """
DROP TRIGGER auditline_append_only ON accounts_auditline;
DROP FUNCTION refuse_change();
GRANT UPDATE, DELETE ON accounts_auditline TO rm_app, rm_everything;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
