import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0371_consent_agent'),
        ('messaging', '0302_providers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('sent', 'sent'), ('delivered', 'delivered'), ('failed', 'failed'), ('complained', 'complaint about spam'), ('unsubscribed', 'unsubscribed'), ('opened', 'opened'), ('clicked', 'link followed')], max_length=15, verbose_name='what happened')),
                ('provider_id', models.CharField(blank=True, max_length=200, verbose_name="provider's id")),
                ('message_id', models.BigIntegerField(null=True, verbose_name='message')),
                ('at', models.DateTimeField(verbose_name='happened')),
                ('permanent', models.BooleanField(default=False, verbose_name='permanent')),
                ('detail', models.CharField(blank=True, max_length=500, verbose_name='detail')),
                ('url', models.TextField(blank=True, verbose_name='address')),
                ('agent', models.CharField(blank=True, max_length=300, verbose_name='browser')),
                ('received_at', models.DateTimeField(verbose_name='received')),
                ('due_at', models.DateTimeField(db_index=True, verbose_name='due')),
            ],
            options={
                'verbose_name': 'report of a provider',
                'verbose_name_plural': 'reports of providers',
            },
        ),
        migrations.AlterField(
            model_name='message',
            name='reason',
            field=models.CharField(blank=True, choices=[('scenario_inactive', 'the scenario is not active'), ('scenario_paused', 'the scenario is paused'), ('run_ended', 'the run was stopped'), ('overdue', 'too late after a pause'), ('exit_rule', 'an exit rule of the scenario came true'), ('goal_reached', 'the goal of the scenario was reached'), ('holdout_programme', "the client is in the programme's control group"), ('holdout_scenario', "the client is in the scenario's control group"), ('no_consent', 'no consent for this channel and topic'), ('no_address', 'no usable address'), ('suppressed', 'the address is suppressed'), ('pause_date', 'no marketing on a pause date'), ('quiet_hours', 'quiet hours'), ('frequency_cap', 'the client got enough messages lately'), ('render_failed', 'the text could not be rendered'), ('provider_refused', 'the provider refused it'), ('provider_unavailable', 'the provider could not be reached'), ('undelivered', 'the provider could not deliver it'), ('crashed', 'the sender stopped between the call and the answer')], max_length=30, verbose_name='reason'),
        ),
        migrations.CreateModel(
            name='InboundMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('email', 'e-mail'), ('sms', 'SMS'), ('whatsapp', 'WhatsApp'), ('telegram', 'Telegram'), ('vk', 'VK'), ('push', 'mobile push'), ('webpush', 'web push'), ('messenger', 'messenger')], max_length=10, verbose_name='channel')),
                ('address', models.CharField(max_length=254, verbose_name='from')),
                ('text', models.TextField(blank=True, verbose_name='text')),
                ('answers_id', models.BigIntegerField(null=True, verbose_name='answers the message')),
                ('provider_id', models.CharField(max_length=200, verbose_name="provider's id")),
                ('received_at', models.DateTimeField(verbose_name='received')),
                ('client', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to='loyalty.client', verbose_name='client')),
            ],
            options={
                'verbose_name': 'message from a client',
                'verbose_name_plural': 'messages from clients',
                'indexes': [models.Index(fields=['-id'], name='inbound_newest')],
                'constraints': [models.UniqueConstraint(fields=('channel', 'provider_id'), name='inbound_once')],
            },
        ),
    ]
