import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0300_accounts'),
    ]

    operations = [
        migrations.CreateModel(
            name='Touch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', models.BigIntegerField(verbose_name='message')),
                ('link_id', models.BigIntegerField(null=True, verbose_name='link')),
                ('at', models.DateTimeField(verbose_name='happened')),
                ('who', models.CharField(choices=[('person', 'a person'), ('proxy', 'a privacy proxy'), ('machine', 'a machine')], max_length=10, verbose_name='who')),
            ],
            options={
                'verbose_name': 'open or click, not counted yet',
                'verbose_name_plural': 'opens and clicks, not counted yet',
            },
        ),
        migrations.AddField(
            model_name='message',
            name='delivered_at',
            field=models.DateTimeField(null=True, verbose_name='delivered'),
        ),
        migrations.AddField(
            model_name='message',
            name='depth',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False, verbose_name='chain depth'),
        ),
        migrations.AddField(
            model_name='message',
            name='first_clicked_at',
            field=models.DateTimeField(null=True, verbose_name='clicked'),
        ),
        migrations.AddField(
            model_name='message',
            name='first_opened_at',
            field=models.DateTimeField(null=True, verbose_name='opened'),
        ),
        migrations.AddField(
            model_name='message',
            name='machine_clicks',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='clicks by machines'),
        ),
        migrations.AddField(
            model_name='message',
            name='machine_opens',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='opens by machines'),
        ),
        migrations.AddField(
            model_name='message',
            name='proxy_opens',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='opens by privacy proxies'),
        ),
        migrations.CreateModel(
            name='Link',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scenario_id', models.BigIntegerField(db_default=0, default=0, verbose_name='scenario')),
                ('step_key', models.CharField(blank=True, max_length=32, verbose_name='step')),
                ('url', models.TextField(verbose_name='address')),
                ('clicks', models.PositiveIntegerField(db_default=0, default=0, verbose_name='clicks')),
                ('clickers', models.PositiveIntegerField(db_default=0, default=0, verbose_name='messages whose reader clicked')),
                ('machine_clicks', models.PositiveIntegerField(db_default=0, default=0, verbose_name='clicks by machines')),
                ('created_at', models.DateTimeField(verbose_name='created')),
            ],
            options={
                'verbose_name': 'link in messages',
                'verbose_name_plural': 'links in messages',
                'constraints': [models.UniqueConstraint(models.F('scenario_id'), models.F('step_key'), django.db.models.functions.text.MD5('url'), name='link_once')],
            },
        ),
    ]
