"""What texts of a scenario may say of its beginning: the `entry` that its triggers give (semantics §25)."""

from collections.abc import Collection

from loyalty import event_properties
from scenarios.models import Trigger


def known(triggers: Collection[Trigger]) -> frozenset[str] | None:
    """The fields of `entry`; None where a trigger may give anything, so that nothing can be called unknown.

    One query, for what events of these names have said lately.
    """
    names = {name for trigger in triggers for name in trigger.listens_to()}
    said = event_properties.seen(names)
    fields: set[str] = set()
    for trigger in triggers:
        if not (trigger.tells or trigger.listens_to()):
            return None
        fields.update(trigger.tells)
        for name in trigger.listens_to():
            of_event = event_properties.PROPERTIES.get(name, frozenset()) | said.get(name, frozenset())
            if not of_event:
                return None
            fields |= of_event
    return frozenset(fields) if triggers else None
