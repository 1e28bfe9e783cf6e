"""What sending costs: a price for each channel, for the economy of scenarios (semantics §51)."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.content import Channel


class ChannelPrice(models.Model):
    """The price of one message of a channel; of an SMS, of each of its parts. A channel without a row is free."""

    channel = models.CharField(_("channel"), max_length=10, choices=Channel, unique=True)
    price = models.DecimalField(
        _("price of a message"),
        max_digits=12,
        decimal_places=4,
        validators=[MinValueValidator(0)],
        help_text=_("In the currency of the programme. An SMS is paid by its parts: this is the price of one."),
    )

    class Meta:
        verbose_name = _("price of a channel")
        verbose_name_plural = _("prices of channels")
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="channel_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.price}"
