"""Erasing a person may take away the reason beside their bonuses; sums, keys and times stay as posted (§31)."""

from django.db import migrations

COLUMNS = "id, client_id, kind, amount, source, key, fingerprint, of_id, author_id, posted_at"

ALLOW = f"""
DROP TRIGGER operation_append_only ON loyalty_bonusoperation;
CREATE TRIGGER operation_append_only BEFORE UPDATE OF {COLUMNS} OR DELETE ON loyalty_bonusoperation
  FOR EACH ROW EXECUTE FUNCTION loyalty_refuse_change();
CREATE TRIGGER operation_reason_fixed BEFORE UPDATE OF reason ON loyalty_bonusoperation FOR EACH ROW
  WHEN (current_setting('loyalty.erasing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION loyalty_refuse_change();
"""

RESTORE = """
DROP TRIGGER operation_reason_fixed ON loyalty_bonusoperation;
DROP TRIGGER operation_append_only ON loyalty_bonusoperation;
CREATE TRIGGER operation_append_only BEFORE UPDATE OR DELETE ON loyalty_bonusoperation
  FOR EACH ROW EXECUTE FUNCTION loyalty_refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0377_order_bonuses'),
    ]

    operations = [migrations.RunSQL(ALLOW, RESTORE)]
