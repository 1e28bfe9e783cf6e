"""What a request to confirm says, by channel and language (semantics §27)."""

from django.conf import settings
from django.utils.translation import gettext as t
from django.utils.translation import override
from django.utils.translation.trans_real import get_supported_language_variant

from messaging.models import Channel, ConfirmationText
from messaging.services import render
from messaging.services.wordings import Texts

# The variables that these texts may read.
NAMES = frozenset({"client", "confirm"})


class ConfirmWords:
    """The words of staff where they wrote any, else the platform's; read once for a batch."""

    def __init__(self) -> None:
        self._rows = {(row.channel, row.language): row for row in ConfirmationText.objects.all()}

    def of(self, channel: str, language: str) -> Texts:
        """The texts for a client of this language, or of one that is none of ours."""
        spoken = known(language)
        row = self._rows.get((channel, spoken)) or default(channel, spoken)
        return Texts(render.compiled(row.subject), render.compiled(row.body), None)


def known(language: str) -> str:
    """The language of ours in which somebody is written to."""
    try:
        return get_supported_language_variant(language) if language else settings.LANGUAGE_CODE
    except LookupError:
        return str(settings.LANGUAGE_CODE)


def default(channel: str, language: str) -> ConfirmationText:
    """The platform's own words, not saved."""
    with override(language):
        if channel == Channel.SMS:
            subject, body = "", t("Confirm that we may write to you: {{ confirm.url }}")
        else:
            subject = t("Please confirm that we may write to you")
            body = t(
                "Hello!\n\n"
                "Somebody, we hope you, gave us this address and agreed to: {{ confirm.topics }}.\n\n"
                "To confirm it, open this page and press the button:\n{{ confirm.url }}\n\n"
                'The link works until {{ confirm.until | date: "datetime" }}. If it was not you, do nothing:'
                " we will not write to you."
            )
        return ConfirmationText(channel=channel, language=language, subject=subject, body=body)


def wrong(row: ConfirmationText) -> dict[str, str]:
    """By field, what forbids using the texts."""
    found: dict[str, str] = {}
    for field in ("subject", "body"):
        source = getattr(row, field)
        try:
            render.check(source)
            names = render.compiled(source).names
        except render.TemplateError as error:
            found[field] = str(error)
            continue
        if foreign := sorted(names - NAMES):
            found[field] = t("{{ %(name)s }} is not known here: only client and confirm are.") % {"name": foreign[0]}
    if "body" not in found and "confirm.url" not in row.body:
        found["body"] = t("The text needs the link: {{ confirm.url }}")
    return found
