import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0300_channels'),
    ]

    operations = [
        migrations.AddField(
            model_name='programme',
            name='track_links',
            field=models.BooleanField(default=True, help_text='Links in messages lead through this platform.', verbose_name='count clicks'),
        ),
        migrations.AddField(
            model_name='programme',
            name='track_opens',
            field=models.BooleanField(default=True, help_text='E-mails with formatting carry an invisible picture.', verbose_name='count opens'),
        ),
        migrations.AddField(
            model_name='programme',
            name='utm',
            field=models.CharField(blank=True, help_text='Added to every link in messages that has none, such as utm_source=loyalty&utm_medium={channel}&utm_campaign=scenario-{scenario}&utm_content={step}. Empty: none.', max_length=300, validators=[django.core.validators.RegexValidator('^utm_[a-z]+=(?:[\\w.~%+-]|\\{channel\\}|\\{scenario\\}|\\{step\\}|\\{topic\\})+(?:&utm_[a-z]+=(?:[\\w.~%+-]|\\{channel\\}|\\{scenario\\}|\\{step\\}|\\{topic\\})+)*\\Z', 'Write pairs such as utm_source=loyalty&utm_medium={channel}. Known are {channel}, {scenario}, {step}, {topic}.')], verbose_name='UTM tags'),
        ),
    ]
