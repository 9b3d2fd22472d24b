"""What the serving login may do with the tables the owner makes: rows, never definitions.

Append-only tables take UPDATE and DELETE back in their own migrations.
"""

from django.db import migrations

GRANT = """
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO rm_app, rm_everything;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO rm_app, rm_everything;
GRANT USAGE ON SCHEMA public TO rm_app, rm_everything;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO rm_app, rm_everything;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO rm_app, rm_everything;
"""
REVOKE = """
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM rm_app, rm_everything;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM rm_app, rm_everything;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM rm_app, rm_everything;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM rm_app, rm_everything;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    run_before = [("contenttypes", "0001_initial"), ("sessions", "0001_initial")]
    operations = [migrations.RunSQL(GRANT, REVOKE)]
