"""What is posted stays: the database refuses to change history (semantics §1, §31)."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION loyalty_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- An event only ever changes its client: when an anonymous one joins, when two clients become one.
CREATE TRIGGER event_append_only BEFORE UPDATE OF id, source_id, external_id, name, anonymous_id, occurred_at,
  received_at, payload, raw, depth ON loyalty_event FOR EACH ROW EXECUTE FUNCTION loyalty_refuse_change();
CREATE TRIGGER event_no_delete BEFORE DELETE ON loyalty_event
  FOR EACH ROW EXECUTE FUNCTION loyalty_refuse_change();

CREATE TRIGGER operation_append_only BEFORE UPDATE OR DELETE ON loyalty_bonusoperation
  FOR EACH ROW EXECUTE FUNCTION loyalty_refuse_change();
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON loyalty_bonusentry
  FOR EACH ROW EXECUTE FUNCTION loyalty_refuse_change();

-- Of a lot only what remains of it changes.
CREATE TRIGGER lot_fixed BEFORE UPDATE OF id, client_id, operation_id, amount, activates_at, expires_at
  ON loyalty_bonuslot FOR EACH ROW EXECUTE FUNCTION loyalty_refuse_change();
CREATE TRIGGER lot_no_delete BEFORE DELETE ON loyalty_bonuslot
  FOR EACH ROW EXECUTE FUNCTION loyalty_refuse_change();
"""

RESTORE = """
DROP TRIGGER event_append_only ON loyalty_event;
DROP TRIGGER event_no_delete ON loyalty_event;
DROP TRIGGER operation_append_only ON loyalty_bonusoperation;
DROP TRIGGER entry_append_only ON loyalty_bonusentry;
DROP TRIGGER lot_fixed ON loyalty_bonuslot;
DROP TRIGGER lot_no_delete ON loyalty_bonuslot;
DROP FUNCTION loyalty_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial")]

    operations = [migrations.RunSQL(REFUSE, RESTORE)]
