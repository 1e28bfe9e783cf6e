"""The demo scenario: what a newcomer sees at work in the first five minutes (README)."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as t

from messaging.models import Channel
from scenarios.durations import Unit
from scenarios.models import (
    AbsenceTrigger,
    AccrueBonuses,
    AddToSegment,
    Branch,
    Scenario,
    SendMessage,
)
from scenarios.services.publish import publish
from segments.models import Segment

SEGMENT = "abandoned-cart"
DELAY = 10  # seconds: a newcomer does not wait an hour


def install(now: datetime) -> Scenario | None:
    """Creates and publishes "Abandoned cart" where it is not there yet; None where it is."""
    with transaction.atomic():
        segment, created = Segment.objects.get_or_create(
            slug=SEGMENT, defaults={"name": t("Left a cart behind"), "colour": "#ea580c"}
        )
        if not created:
            return None
        scenario = Scenario.objects.create(
            name=t("Abandoned cart"),
            description=t("Reminds of a cart, with bonuses to finish the order. The demo waits seconds, not hours."),
            exit_events=["order.created"],
        )
        AbsenceTrigger.objects.create(
            scenario=scenario,
            base_event="cart.updated",
            absent_events=["order.created", "cart.cleared"],
            delay=DELAY,
            delay_unit=Unit.SECONDS,
        )
        trunk = Branch.objects.create(scenario=scenario)
        steps = (
            SendMessage(
                channel=Channel.EMAIL,
                subject=t("{{ client.first_name | default: 'Hello' }}, your cart is waiting"),
                body=t(
                    "You left in your cart:\n"
                    "{% for line in cart.lines %}— {{ line.title }}, {{ line.quantity }} pcs\n{% endfor %}"
                    "We add 300 bonuses to your account: use them for this order."
                ),
            ),
            SendMessage(
                channel=Channel.SMS, body=t("Your cart is waiting, and 300 bonuses with it. They burn in 30 days.")
            ),
            AccrueBonuses(amount=300, lifetime_days=30, reason=t("For finishing your order")),
            AddToSegment(segment=segment),
        )
        for position, step in enumerate(steps):
            step.branch, step.position = trunk, position
            step.save()
        publish(scenario, None, now)
        return scenario
