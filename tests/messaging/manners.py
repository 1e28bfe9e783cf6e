"""Manners of writing for tests of templates."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel import Locale

from messaging.services.manner import Manner

# Late in the evening in UTC: already tomorrow in Moscow, still today in New York.
LATE = datetime(2026, 3, 8, 22, 30, tzinfo=UTC)
RUSSIAN = Manner(Locale("ru"), ZoneInfo("Europe/Moscow"), lambda: "RUB", LATE)
ENGLISH = Manner(Locale("en"), ZoneInfo("America/New_York"), lambda: "USD", LATE)
