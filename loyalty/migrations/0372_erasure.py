"""Erasing a person is the one thing that may change what happened (`services/personal.py`)."""

from django.db import migrations, models

COLUMNS = "id, source_id, external_id, name, anonymous_id, occurred_at, received_at, payload, raw, depth"

ALLOW = f"""
DROP TRIGGER event_append_only ON loyalty_event;
CREATE TRIGGER event_append_only BEFORE UPDATE OF {COLUMNS} ON loyalty_event FOR EACH ROW
  WHEN (current_setting('loyalty.erasing', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION loyalty_refuse_change();
"""

RESTORE = f"""
DROP TRIGGER event_append_only ON loyalty_event;
CREATE TRIGGER event_append_only BEFORE UPDATE OF {COLUMNS} ON loyalty_event FOR EACH ROW
  EXECUTE FUNCTION loyalty_refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0371_consent_agent'),
    ]

    operations = [
        migrations.RunSQL(ALLOW, RESTORE),
        migrations.AddField('client', 'erased_at', models.DateTimeField(editable=False, null=True, verbose_name='erased')),
        migrations.AlterModelOptions(
            'client',
            {
                'permissions': [('erase_client', 'Can hand out and erase personal data')],
                'verbose_name': 'client',
                'verbose_name_plural': 'clients',
            },
        ),
    ]
