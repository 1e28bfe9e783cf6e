"""At commit every operation must equal its entries, and every lot what its entries left of it (semantics §31)."""

from django.db import migrations

CHECK = """
CREATE FUNCTION loyalty_check_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT coalesce(sum(amount), 0) FROM loyalty_bonusentry WHERE operation_id = NEW.id) <> NEW.amount THEN
    RAISE EXCEPTION 'operation % does not equal its entries', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION loyalty_check_lot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The row as it is at commit, which may be later than the change that queued this check.
  IF (SELECT remaining FROM loyalty_bonuslot WHERE id = NEW.id)
     <> (SELECT coalesce(sum(amount), 0) FROM loyalty_bonusentry WHERE lot_id = NEW.id) THEN
    RAISE EXCEPTION 'what is left of lot % does not equal its entries', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER operation_equals_entries AFTER INSERT ON loyalty_bonusoperation
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loyalty_check_operation();
CREATE CONSTRAINT TRIGGER lot_equals_entries AFTER INSERT OR UPDATE OF remaining ON loyalty_bonuslot
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loyalty_check_lot();
"""

RESTORE = """
DROP TRIGGER operation_equals_entries ON loyalty_bonusoperation;
DROP TRIGGER lot_equals_entries ON loyalty_bonuslot;
DROP FUNCTION loyalty_check_operation();
DROP FUNCTION loyalty_check_lot();
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0005_ledger_holds_debt")]

    operations = [migrations.RunSQL(CHECK, RESTORE)]
