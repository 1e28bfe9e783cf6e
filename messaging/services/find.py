"""Finding messages by what somebody has at hand."""

from django.db.models import Q

from messaging.models import Message


def message_ids(text: str, limit: int = 200) -> list[int]:
    """Ids of messages whose own id or provider's id is `text`, at most `limit`."""
    text = text.strip().replace("\x00", "")[:200]
    if not text:
        return []
    query = Q(provider_id=text)
    if text.isascii() and text.isdecimal() and len(text) < 18:
        query |= Q(pk=int(text))
    return list(Message.objects.filter(query).values_list("pk", flat=True)[:limit])
