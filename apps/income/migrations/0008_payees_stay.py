"""Whose account a payment went to never changes, and neither does what a transfer stands for."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION income_account_payee_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.channel, NEW.merchant_id, NEW.strategy, NEW.payee_print)
            IS DISTINCT FROM (OLD.channel, OLD.merchant_id, OLD.strategy, OLD.payee_print)
            AND EXISTS (SELECT 1 FROM income_payment WHERE account_id = OLD.id) THEN
        RAISE EXCEPTION 'collection account %: payments name it, so its payee stays', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'income_account_payee_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_payee_stays BEFORE UPDATE ON income_collectionaccount
    FOR EACH ROW EXECUTE FUNCTION income_account_payee_stays();
CREATE FUNCTION income_settlement_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.account_id, NEW.number, NEW.amount_yuan)
            IS DISTINCT FROM (OLD.account_id, OLD.number, OLD.amount_yuan) THEN
        RAISE EXCEPTION 'transfer %: account, number and amount stay as they were', OLD.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'income_settlement_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_stays BEFORE UPDATE ON income_settlement
    FOR EACH ROW EXECUTE FUNCTION income_settlement_stays();
REVOKE DELETE ON income_collectionaccount, income_settlement FROM rm_app, rm_everything;
"""
BACKWARD = """
GRANT DELETE ON income_collectionaccount, income_settlement TO rm_app, rm_everything;
DROP TRIGGER settlement_stays ON income_settlement;
DROP FUNCTION income_settlement_stays();
DROP TRIGGER account_payee_stays ON income_collectionaccount;
DROP FUNCTION income_account_payee_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("income", "0007_collection_accounts")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
