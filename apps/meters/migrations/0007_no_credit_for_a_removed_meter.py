"""A removed meter gets no credit, and a meter with a credit under way is not removed: the database says so too.

Both acts lock the meter's row, so of two at once the second sees what the first has done: archiving takes it FOR
UPDATE, and the row that asks for a credit waits for that lock before it looks.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION refuse_credit_for_a_removed_meter() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM meters_meter WHERE landlord_id = NEW.landlord_id AND id = NEW.meter_id FOR KEY SHARE;
    IF EXISTS (SELECT FROM meters_meter WHERE landlord_id = NEW.landlord_id AND id = NEW.meter_id
               AND archived_at IS NOT NULL) THEN
        RAISE EXCEPTION 'meter % was removed: no credit can be asked of it', NEW.meter_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'meters_command_no_credit_for_a_removed_meter';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER no_credit_for_a_removed_meter BEFORE INSERT ON meters_command
    FOR EACH ROW WHEN (NEW.kind = 'CREDIT') EXECUTE FUNCTION refuse_credit_for_a_removed_meter();

CREATE FUNCTION refuse_removal_with_a_credit_under_way() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM meters_command WHERE landlord_id = NEW.landlord_id AND meter_id = NEW.id
               AND kind = 'CREDIT' AND state NOT IN ('DONE', 'REJECTED', 'EXPIRED', 'CANCELLED')) THEN
        RAISE EXCEPTION 'meter % has a credit under way: it cannot be removed', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'meters_meter_not_removed_under_a_credit';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER not_removed_under_a_credit BEFORE UPDATE OF archived_at ON meters_meter
    FOR EACH ROW WHEN (NEW.archived_at IS NOT NULL AND OLD.archived_at IS NULL)
    EXECUTE FUNCTION refuse_removal_with_a_credit_under_way();
"""
BACKWARD = """
DROP TRIGGER not_removed_under_a_credit ON meters_meter;
DROP FUNCTION refuse_removal_with_a_credit_under_way();
DROP TRIGGER no_credit_for_a_removed_meter ON meters_command;
DROP FUNCTION refuse_credit_for_a_removed_meter();
"""


class Migration(migrations.Migration):
    dependencies = [("meters", "0006_shares")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
