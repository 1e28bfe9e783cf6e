from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0400_log_retention'),
    ]

    operations = [
        migrations.AddField(
            model_name='consent',
            name='agent',
            field=models.CharField(blank=True, db_default='', default='', max_length=300, verbose_name='browser'),
        ),
    ]
