"""Readings move into partitions of one month each, made by a function that the application may call.

The rows are copied, so a large table takes its time and readings wait meanwhile. A partition needs neither policy nor
grant: through the parent the parent's policies count, and directly nobody of ours may touch it.
"""

from django.db import migrations, models

# The old keys' names go to the new table; the wall is lifted from the owner's eyes while the rows are copied.
BEFORE = """
ALTER TABLE readings_reading NO FORCE ROW LEVEL SECURITY;
ALTER TABLE readings_reading DISABLE ROW LEVEL SECURITY;
ALTER TABLE readings_reading DROP CONSTRAINT readings_reading_pkey,
    DROP CONSTRAINT readings_reading_instant_once, DROP CONSTRAINT readings_reading_key;
DROP INDEX IF EXISTS readings_reading_of_meter;
ALTER TABLE readings_reading RENAME TO readings_reading_before;
"""
KEYS = """
ALTER TABLE meters_meter NO FORCE ROW LEVEL SECURITY;
ALTER TABLE readings_reading
    ADD CONSTRAINT readings_reading_landlord_id_fk FOREIGN KEY (landlord_id)
        REFERENCES accounts_landlord (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT readings_reading_meter_same_landlord FOREIGN KEY (landlord_id, meter_id)
        REFERENCES meters_meter (landlord_id, id) DEFERRABLE INITIALLY IMMEDIATE;
ALTER TABLE meters_meter FORCE ROW LEVEL SECURITY;
CREATE INDEX readings_reading_of_meter ON readings_reading (meter_id);
"""
WALL = """
ALTER TABLE readings_reading ENABLE ROW LEVEL SECURITY;
ALTER TABLE readings_reading FORCE ROW LEVEL SECURITY;
CREATE POLICY landlord ON readings_reading
    USING (landlord_id = nullif(current_setting('app.landlord_id', true), '')::uuid)
    WITH CHECK (landlord_id = nullif(current_setting('app.landlord_id', true), '')::uuid);
CREATE POLICY everything ON readings_reading TO rm_everything USING (true) WITH CHECK (true);
DROP TABLE readings_reading_before;
"""
FUNCTION = """
CREATE FUNCTION make_reading_month(wanted date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first timestamp := date_trunc('month', wanted::timestamp);
    name text := 'readings_reading_' || to_char(wanted, 'YYYYMM');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN 0;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('make_reading_month'));
    IF to_regclass(name) IS NOT NULL THEN
        RETURN 0;
    END IF;
    -- Made apart and attached: readings go on being written into the other months meanwhile.
    EXECUTE format('CREATE TABLE %I (LIKE readings_reading INCLUDING DEFAULTS)', name);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, rm_app, rm_everything', name);
    EXECUTE format('ALTER TABLE readings_reading ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
                   first AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
    RETURN 1;
END $$;
REVOKE ALL ON FUNCTION make_reading_month(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_reading_month(date) TO rm_everything;
"""
PARTED = """
CREATE TABLE readings_reading (LIKE readings_reading_before INCLUDING DEFAULTS) PARTITION BY RANGE (taken_at);
ALTER TABLE readings_reading
    ADD CONSTRAINT readings_reading_pkey PRIMARY KEY (id, taken_at),
    ADD CONSTRAINT readings_reading_instant_once UNIQUE (landlord_id, meter_id, taken_at),
    ADD CONSTRAINT readings_reading_key UNIQUE (landlord_id, id, taken_at);
"""
WHOLE = """
CREATE TABLE readings_reading (LIKE readings_reading_before INCLUDING DEFAULTS);
ALTER TABLE readings_reading
    ADD CONSTRAINT readings_reading_pkey PRIMARY KEY (id),
    ADD CONSTRAINT readings_reading_instant_once UNIQUE (landlord_id, meter_id, taken_at),
    ADD CONSTRAINT readings_reading_key UNIQUE (landlord_id, id);
"""
MONTHS = """
SELECT make_reading_month(month) FROM (
    SELECT DISTINCT date_trunc('month', taken_at AT TIME ZONE 'UTC')::date AS month FROM readings_reading_before
) AS months;
"""
COPY = """
INSERT INTO readings_reading SELECT * FROM readings_reading_before;
SET CONSTRAINTS ALL IMMEDIATE;
"""
NO_FUNCTION = "DROP FUNCTION make_reading_month(date);"
FORWARD = "".join([BEFORE, PARTED, KEYS, FUNCTION, MONTHS, COPY, WALL])
BACKWARD = "".join([BEFORE, WHOLE, KEYS, COPY, WALL, NO_FUNCTION])


class Migration(migrations.Migration):
    dependencies = [("readings", "0003_quarantined_readings")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARD, BACKWARD)],
            state_operations=[
                migrations.RemoveConstraint(model_name="reading", name="readings_reading_key"),
                migrations.AddConstraint(
                    model_name="reading",
                    constraint=models.UniqueConstraint(
                        fields=("landlord", "id", "taken_at"), name="readings_reading_key"
                    ),
                ),
            ],
        )
    ]
