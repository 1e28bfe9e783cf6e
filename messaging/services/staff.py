"""Staff as messages reach them: a person, a group, or everybody who holds a role (semantics §29)."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models import Channel

# The channels through which staff can be written to. A channel is added by telling `address` where it leads.
CHANNELS = (Channel.EMAIL,)


class Kind(models.TextChoices):
    """How staff are named."""

    PERSON = "person", _("a person")
    GROUP = "group", _("a group")
    ROLE = "role", _("everybody with a role")


class Role(models.TextChoices):
    """What somebody may do here."""

    ADMINISTRATOR = "administrator", _("administrators")
    SCENARIOS = "scenarios", _("those who publish scenarios")
    BONUSES = "bonuses", _("those who correct bonuses")


_PERMISSIONS = {Role.SCENARIOS: "scenarios.publish_scenario", Role.BONUSES: "loyalty.correct_bonuses"}


@dataclass(frozen=True, slots=True)
class Member:
    """One of the staff and where they are reached; empty where they are not."""

    id: int
    email: str

    def address(self, channel: str) -> str:
        """Where the person is reached through a channel."""
        return self.email if channel == Channel.EMAIL else ""


def members(kind: str, name: str) -> list[Member]:
    """Active staff by user name, by the name of their group, or by `Role`; nobody where there is nobody."""
    users = User.objects.filter(is_active=True, is_staff=True)
    match kind:
        case Kind.PERSON:
            users = users.filter(username=name)
        case Kind.GROUP:
            users = users.filter(groups__name=name)
        case _ if name == Role.ADMINISTRATOR:
            users = users.filter(is_superuser=True)
        case _ if name in _PERMISSIONS:
            allowed = User.objects.with_perm(
                _PERMISSIONS[Role(name)], include_superusers=False, backend="django.contrib.auth.backends.ModelBackend"
            )
            users = users.filter(pk__in=allowed)
        case _:
            return []
    return [Member(pk, email) for pk, email in users.order_by("pk").values_list("pk", "email")]


def reachable(found: Iterable[Member], channel: str) -> list[Member]:
    """Those of them who can be written to."""
    return [member for member in found if member.address(channel)]
