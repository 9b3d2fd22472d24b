"""All refunds of a payment but the CLOSED ones stay within what was paid; whoever writes them, and at once or not.

The trigger locks the payment's row, so that two refunds are added up one after the other. What a refund asks for
never changes: its number at the platform stands for exactly this amount.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION income_refund_within_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    paid record;
    given_back numeric;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.payment_id, NEW.amount_yuan, NEW.out_refund_no)
            IS DISTINCT FROM (OLD.payment_id, OLD.amount_yuan, OLD.out_refund_no) THEN
        RAISE EXCEPTION 'refund %: payment, amount and number stay as they were', OLD.out_refund_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'income_refund_stays';
    END IF;
    SELECT state, amount_yuan INTO paid FROM income_payment WHERE id = NEW.payment_id FOR NO KEY UPDATE;
    IF paid.state IS DISTINCT FROM 'PAID' THEN
        RAISE EXCEPTION 'refund %: its payment is not paid', NEW.out_refund_no
            USING ERRCODE = 'check_violation', CONSTRAINT = 'income_refund_of_what_was_paid';
    END IF;
    SELECT coalesce(sum(amount_yuan), 0) INTO given_back
        FROM income_refund WHERE payment_id = NEW.payment_id AND state <> 'CLOSED';
    IF given_back > paid.amount_yuan THEN
        RAISE EXCEPTION 'refund %: % yuan would go back of % paid', NEW.out_refund_no, given_back, paid.amount_yuan
            USING ERRCODE = 'check_violation', CONSTRAINT = 'income_refund_within_payment';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refund_within_payment AFTER INSERT OR UPDATE ON income_refund
    FOR EACH ROW EXECUTE FUNCTION income_refund_within_payment();
REVOKE DELETE ON income_refund FROM rm_app, rm_everything;
"""
BACKWARD = """
GRANT DELETE ON income_refund TO rm_app, rm_everything;
DROP TRIGGER refund_within_payment ON income_refund;
DROP FUNCTION income_refund_within_payment();
"""


class Migration(migrations.Migration):
    dependencies = [("income", "0003_refunds")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
