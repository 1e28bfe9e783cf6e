"""Rules of earning and spending, levels, and the bonus side of orders."""

import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0120_promo_codes'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccrualRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('kind', models.CharField(choices=[('level', "percent of the client's level"), ('percent', 'percent'), ('steps', 'bonuses for every full sum'), ('fixed', 'fixed number of bonuses an order'), ('factor', 'multiplier')], default='level', max_length=10, verbose_name='kind')),
                ('percent', models.DecimalField(blank=True, decimal_places=3, help_text='Of what is paid in money; one unit of the currency gives one bonus at 100 %.', max_digits=6, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='percent')),
                ('bonuses', models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='bonuses')),
                ('per', models.DecimalField(blank=True, decimal_places=2, help_text='Sum of money. Only full sums count: with 1 bonus for every 100, a purchase of 199 earns 1.', max_digits=14, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='for every')),
                ('factor', models.DecimalField(blank=True, decimal_places=3, help_text='2 doubles what the goods earn, 0 makes them earn nothing.', max_digits=6, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='factor')),
                ('exclusive', models.BooleanField(default=False, help_text='Where it fits, other rules of earning do not count.', verbose_name='exclusive')),
                ('priority', models.IntegerField(default=0, help_text='Of several exclusive rules the highest wins.', verbose_name='priority')),
                ('brands', models.TextField(blank=True, help_text='One a line. Goods fit by category, product or brand.', verbose_name='only brands')),
                ('min_order', models.DecimalField(decimal_places=2, default=Decimal(0), help_text='Paid in money.', max_digits=14, validators=[django.core.validators.MinValueValidator(0)], verbose_name='minimum order')),
                ('starts_at', models.DateTimeField(blank=True, null=True, verbose_name='valid from')),
                ('ends_at', models.DateTimeField(blank=True, help_text='Exclusive.', null=True, verbose_name='valid until')),
                ('weekdays', models.JSONField(blank=True, default=list, help_text="None chosen: every day. In the programme's time zone.", verbose_name='weekdays')),
                ('from_time', models.TimeField(blank=True, null=True, verbose_name='from the hour')),
                ('to_time', models.TimeField(blank=True, help_text='Exclusive; an earlier hour means the next morning.', null=True, verbose_name='to the hour')),
                ('pending_days', models.PositiveSmallIntegerField(blank=True, help_text='Empty: as the programme says.', null=True, verbose_name='days until active')),
                ('lifetime_days', models.PositiveSmallIntegerField(blank=True, help_text='Empty: as the programme says.', null=True, verbose_name='lifetime in days')),
            ],
            options={
                'verbose_name': 'rule of earning',
                'verbose_name_plural': 'rules of earning',
                'ordering': ['-priority', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='ClientLevel',
            fields=[
                ('client', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='standing', serialize=False, to='loyalty.client')),
                ('since', models.DateTimeField(verbose_name='since')),
                ('until', models.DateTimeField(help_text='End of the period, when it may go down. Empty: the period never ends.', null=True, verbose_name='kept until')),
                ('measure', models.DecimalField(decimal_places=2, default=Decimal(0), max_digits=20, verbose_name='measured')),
            ],
            options={
                'verbose_name': "client's level",
                'verbose_name_plural': "clients' levels",
            },
        ),
        migrations.CreateModel(
            name='Level',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True, verbose_name='name')),
                ('threshold', models.DecimalField(decimal_places=2, help_text='In what the programme measures: money, orders or bonuses. 0: where everybody begins.', max_digits=14, unique=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='threshold')),
                ('percent', models.DecimalField(decimal_places=3, default=Decimal(0), help_text='What rules of the kind “percent of the level” give on this level.', max_digits=6, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='cashback, %')),
            ],
            options={
                'verbose_name': 'level',
                'verbose_name_plural': 'levels',
                'ordering': ['threshold'],
            },
        ),
        migrations.CreateModel(
            name='LevelChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_name', models.CharField(blank=True, max_length=100, verbose_name='from')),
                ('to_name', models.CharField(blank=True, max_length=100, verbose_name='to')),
                ('up', models.BooleanField(verbose_name='up')),
                ('why', models.CharField(choices=[('reached', 'reached the threshold'), ('period', 'the period ended'), ('refund', 'orders were returned'), ('rules', 'the levels were changed')], max_length=10, verbose_name='reason')),
                ('measure', models.DecimalField(decimal_places=2, max_digits=20, verbose_name='measured')),
                ('at', models.DateTimeField(verbose_name='when')),
            ],
            options={
                'verbose_name': 'change of level',
                'verbose_name_plural': 'changes of level',
            },
        ),
        migrations.CreateModel(
            name='Purchase',
            fields=[
                ('order', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='loyalty.order', verbose_name='order')),
                ('bill', models.BigIntegerField(help_text='Value of the goods when bonuses were held, before bonuses; minor units.', null=True, verbose_name='bill')),
                ('spent', models.BigIntegerField(default=0, verbose_name='spent')),
                ('returned', models.BigIntegerField(default=0, help_text='Spent bonuses that refunds gave back.', verbose_name='returned')),
                ('counted_at', models.DateTimeField(help_text='When the order earned; once an order.', null=True, verbose_name='counted')),
                ('earned', models.BigIntegerField(default=0, verbose_name='earned')),
                ('clawed', models.BigIntegerField(default=0, verbose_name='taken back')),
                ('terms', models.JSONField(default=dict, verbose_name='terms')),
                ('problem', models.CharField(blank=True, max_length=300, verbose_name='problem')),
            ],
            options={
                'verbose_name': 'bonuses of an order',
                'verbose_name_plural': 'bonuses of orders',
            },
        ),
        migrations.CreateModel(
            name='PurchaseAccrual',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount', models.BigIntegerField(verbose_name='granted')),
                ('kept', models.BigIntegerField(verbose_name='kept')),
            ],
            options={
                'verbose_name': 'accrual of a purchase',
                'verbose_name_plural': 'accruals of purchases',
            },
        ),
        migrations.AddField(
            model_name='order',
            name='bonuses_earned',
            field=models.BigIntegerField(default=0, help_text='Taken back not counted.', verbose_name='bonuses earned'),
        ),
        migrations.AddField(
            model_name='order',
            name='bonuses_spent',
            field=models.BigIntegerField(default=0, help_text='Returned ones not counted.', verbose_name='bonuses spent'),
        ),
        migrations.AddField(
            model_name='order',
            name='history',
            field=models.BooleanField(default=True, help_text='Paid before the platform listened: it earns nothing.', verbose_name='history'),
        ),
        # Whatever was paid before today earned nothing and never will: only new orders begin as live.
        migrations.AlterField(
            model_name='order',
            name='history',
            field=models.BooleanField(default=False, help_text='Paid before the platform listened: it earns nothing.', verbose_name='history'),
        ),
        migrations.AddField(
            model_name='order',
            name='refunded_goods',
            field=models.JSONField(default=dict, help_text="Product's external id → value of what came back, where told.", verbose_name='refunded goods'),
        ),
        migrations.AddField(
            model_name='programme',
            name='bonus_value',
            field=models.DecimalField(decimal_places=4, default=Decimal(1), help_text='How much money a bonus pays for.', max_digits=10, validators=[django.core.validators.MinValueValidator(Decimal('0.0001'))], verbose_name='value of a bonus'),
        ),
        migrations.AddField(
            model_name='programme',
            name='level_days',
            field=models.PositiveSmallIntegerField(default=365, help_text='For “last n days”.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='days of the period'),
        ),
        migrations.AddField(
            model_name='programme',
            name='level_measure',
            field=models.CharField(choices=[('paid', 'sum of paid orders'), ('orders', 'number of paid orders'), ('earned', 'bonuses earned by orders')], default='paid', max_length=10, verbose_name='levels are reached by'),
        ),
        migrations.AddField(
            model_name='programme',
            name='level_period',
            field=models.CharField(choices=[('ever', 'all time'), ('year', 'calendar year'), ('days', 'last n days')], default='ever', max_length=10, verbose_name='measured over'),
        ),
        migrations.AddField(
            model_name='programme',
            name='lifetime_days',
            field=models.PositiveSmallIntegerField(blank=True, help_text='From activation. Empty: they never burn.', null=True, verbose_name='lifetime of bonuses in days'),
        ),
        migrations.AddField(
            model_name='programme',
            name='max_share',
            field=models.DecimalField(decimal_places=2, default=Decimal(100), help_text='The largest share of an order, goods that are excluded not counted.', max_digits=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='payable with bonuses, %'),
        ),
        migrations.AddField(
            model_name='programme',
            name='pending_days',
            field=models.PositiveSmallIntegerField(default=0, help_text='The time to return the goods.', verbose_name='days until earned bonuses are active'),
        ),
        migrations.AddField(
            model_name='programme',
            name='rounding',
            field=models.CharField(choices=[('floor', 'down'), ('half_up', 'to the nearest, halves up'), ('ceiling', 'up')], default='floor', help_text='Once an order.', max_length=10, verbose_name='rounding'),
        ),
        migrations.AddField(
            model_name='programme',
            name='spend_block',
            field=models.PositiveIntegerField(default=0, help_text='Whole bonuses; 0: any number.', verbose_name='spent by blocks of'),
        ),
        migrations.AddField(
            model_name='programme',
            name='spend_min_order',
            field=models.DecimalField(decimal_places=2, default=Decimal(0), max_digits=14, validators=[django.core.validators.MinValueValidator(0)], verbose_name='minimum order to pay with bonuses'),
        ),
        migrations.AddField(
            model_name='programme',
            name='unpayable_brands',
            field=models.TextField(blank=True, help_text='One a line.', verbose_name='brands not payable with bonuses'),
        ),
        migrations.AddField(
            model_name='programme',
            name='unpayable_categories',
            field=models.ManyToManyField(blank=True, related_name='+', to='loyalty.category', verbose_name='categories not payable with bonuses'),
        ),
        migrations.AddField(
            model_name='programme',
            name='unpayable_products',
            field=models.ManyToManyField(blank=True, related_name='+', to='loyalty.product', verbose_name='products not payable with bonuses'),
        ),
        migrations.AddConstraint(
            model_name='programme',
            constraint=models.CheckConstraint(condition=models.Q(('bonus_value__gt', 0), ('level_days__gte', 1), ('max_share__gte', 0), ('max_share__lte', 100)), name='programme_bounds'),
        ),
        migrations.AddField(
            model_name='accrualrule',
            name='categories',
            field=models.ManyToManyField(blank=True, to='loyalty.category', verbose_name='only categories'),
        ),
        migrations.AddField(
            model_name='accrualrule',
            name='products',
            field=models.ManyToManyField(blank=True, to='loyalty.product', verbose_name='only products'),
        ),
        migrations.AddConstraint(
            model_name='level',
            constraint=models.CheckConstraint(condition=models.Q(('percent__gte', 0), ('percent__lte', 100), ('threshold__gte', 0)), name='level_bounds'),
        ),
        migrations.AddField(
            model_name='clientlevel',
            name='level',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='loyalty.level', verbose_name='level'),
        ),
        migrations.AddField(
            model_name='accrualrule',
            name='levels',
            field=models.ManyToManyField(blank=True, to='loyalty.level', verbose_name='only levels'),
        ),
        migrations.AddField(
            model_name='levelchange',
            name='client',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='loyalty.client', verbose_name='client'),
        ),
        migrations.AddField(
            model_name='purchase',
            name='hold',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, to='loyalty.bonushold', verbose_name='hold'),
        ),
        migrations.AddField(
            model_name='purchase',
            name='spending',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, to='loyalty.bonusoperation', verbose_name='spending'),
        ),
        migrations.AddField(
            model_name='purchaseaccrual',
            name='operation',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to='loyalty.bonusoperation', verbose_name='operation'),
        ),
        migrations.AddField(
            model_name='purchaseaccrual',
            name='purchase',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='accruals', to='loyalty.purchase', verbose_name='purchase'),
        ),
        migrations.AddField(
            model_name='purchaseaccrual',
            name='rule',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to='loyalty.accrualrule', verbose_name='rule'),
        ),
        migrations.AddIndex(
            model_name='clientlevel',
            index=models.Index(condition=models.Q(('until__isnull', False)), fields=['until'], name='client_level_until'),
        ),
        migrations.AddConstraint(
            model_name='accrualrule',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'level'), models.Q(('kind', 'percent'), ('percent__gte', 0)), models.Q(('bonuses__gte', 0), ('kind', 'steps'), ('per__gte', 0)), models.Q(('bonuses__gte', 0), ('kind', 'fixed')), models.Q(('factor__gte', 0), ('kind', 'factor')), _connector='OR'), name='accrual_rule_complete'),
        ),
        migrations.AddIndex(
            model_name='levelchange',
            index=models.Index(fields=['client', '-id'], name='level_change_client'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('returned__gte', 0), ('returned__lte', models.F('spent')), ('spent__gte', 0)), name='purchase_returned_of_spent'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('clawed__gte', 0), ('clawed__lte', models.F('earned')), ('earned__gte', 0)), name='purchase_clawed_of_earned'),
        ),
        migrations.AddConstraint(
            model_name='purchaseaccrual',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('kept__gte', 0), ('kept__lte', models.F('amount'))), name='purchase_accrual_kept'),
        ),
    ]
