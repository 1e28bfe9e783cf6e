"""Staff as messages reach them: a person, a group, or everybody who holds a role (semantics §29)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging import tokens
from messaging.models import Channel, Recipient, StaffContact, TelegramAccount
from messaging.services import outbox
from messaging.services.rulebook import STAFF
from messaging.tokens import Purpose

# The channels through which staff can be written to, in the order in which they are tried.
CHANNELS = (Channel.EMAIL, Channel.TELEGRAM, Channel.SMS)
# Each by the channel that they prefer.
OWN = "own"


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
    phone: str = ""
    telegram: str = ""
    prefers: str = Channel.EMAIL

    def address(self, channel: str) -> str:
        """Where the person is reached through a channel."""
        return {Channel.EMAIL: self.email, Channel.TELEGRAM: self.telegram, Channel.SMS: self.phone}.get(channel, "")  # type: ignore[call-overload,no-any-return]

    def way(self, channel: str) -> str:
        """The channel, or of `OWN` the one they prefer, else the first that reaches them; empty where none does."""
        tried = (self.prefers, *CHANNELS) if channel == OWN else (channel,)
        return next((str(one) for one in tried if self.address(one)), "")


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
    return _members(users)


def who_asked(about: str) -> list[Member]:
    """Active staff who want to hear of something: `on_reply`, `on_problem`."""
    return _members(User.objects.filter(is_active=True, is_staff=True, **{f"staff_contact__{about}": True}))


def reachable(found: Iterable[Member], channel: str) -> list[Member]:
    """Those of them who can be written to."""
    return [member for member in found if member.way(channel)]


def notices(people: Sequence[Member], key: str, subject: str, body: str, client_id: int | None) -> list[outbox.Draft]:
    """A notice for each of them by the channel they prefer; one with this key is written once, whoever asks again."""
    return [
        outbox.Draft(
            client_id=client_id, scenario_id=None, run_id=None, step_key="", visit=1, channel=member.way(OWN),
            topic=STAFF, address=member.address(member.way(OWN)),
            subject=subject if member.way(OWN) == Channel.EMAIL else "", body=body,
            recipient=Recipient.STAFF, key=f"{key}:{member.id}",
        )
        for member in reachable(people, OWN)
    ]  # fmt: skip


def telegram_link(user_id: int) -> str:
    """Where one of the staff connects their Telegram; empty where there is no bot."""
    bot = TelegramAccount.objects.filter(active=True).order_by("-is_default", "pk").first()
    return f"https://t.me/{bot.username}?start={tokens.sign(Purpose.STAFF, user_id)}" if bot else ""


def connect_telegram(token: str, chat: int) -> bool:
    """Remembers the chat of whoever opened their link; whether there is such a person. Raises tokens.Forged."""
    try:
        (user_id,) = tokens.read(Purpose.STAFF, token)
    except ValueError:
        raise tokens.Forged from None
    user = User.objects.filter(pk=user_id, is_active=True, is_staff=True).first()
    if user is None:
        return False
    StaffContact.objects.update_or_create(
        user=user,
        defaults={"telegram": str(chat)},
        create_defaults={"telegram": str(chat), "prefers": StaffContact.Way.TELEGRAM},
    )
    return True


def admin_link(path: str) -> str:
    """An address of the admin, as a message carries it."""
    return f"{settings.PUBLIC_URL}{path}"


def _members(users: models.QuerySet[User]) -> list[Member]:
    columns = ("pk", "email", "staff_contact__phone", "staff_contact__telegram", "staff_contact__prefers")
    found = users.order_by("pk").distinct().values_list(*columns)
    return [
        Member(pk, email, phone or "", telegram or "", prefers or Channel.EMAIL)
        for pk, email, phone, telegram, prefers in found
    ]
