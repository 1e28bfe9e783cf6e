"""The clients that shops already use, unmodified, against this installation (contract §2)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rudderstack.analytics.request
import segment.analytics.request
from rudderstack.analytics.client import Client as RudderStack
from segment.analytics.client import Client as Segment

from loyalty.models import Client, Event
from tests.loyalty.intake.sending import source

pytestmark = pytest.mark.django_db(transaction=True)

# Both libraries take the same arguments and calls.
CLIENTS: dict[str, Callable[..., Any]] = {"segment": Segment, "rudderstack": RudderStack}


@pytest.fixture(autouse=True)
def _hang_up() -> Iterator[None]:
    """Ends the libraries' kept-alive connections, whose server threads would hold the test database open."""
    yield
    segment.analytics.request._session.close()
    rudderstack.analytics.request._session.close()


@pytest.mark.parametrize("library", sorted(CLIENTS))
@pytest.mark.parametrize("packed", [False, True])
def test_everything_that_is_tracked_arrives_once(library: str, packed: bool, live_server: Any) -> None:
    site = source("segment")
    errors: list[Any] = []
    client = CLIENTS[library](
        site.write_key,
        host=live_server.url,
        gzip=packed,
        max_retries=1,
        on_error=lambda error, items: errors.append(error),
    )
    for number in range(120):
        client.track(user_id="u-1", event="Song Played", properties={"number": number})
    client.identify("u-1", {"email": "a@example.com", "phone": "+7 912 345-67-89", "firstName": "Anna"})
    client.page(user_id="u-1", name="Home", properties={"url": "https://example.com/"})
    client.flush()
    client.join()
    assert errors == []
    assert Event.objects.filter(name="song_played").count() == 120
    assert Event.objects.count() == 122
    known = Client.objects.get()
    assert (known.email, known.phone, known.first_name) == ("a@example.com", "+79123456789", "Anna")
    assert set(Event.objects.values_list("client", flat=True)) == {known.pk}


@pytest.mark.parametrize("library", sorted(CLIENTS))
def test_a_wrong_key_is_told_to_the_client(library: str, live_server: Any) -> None:
    source("segment")
    client = CLIENTS[library]("wrong", host=live_server.url, max_retries=0, sync_mode=True)
    with pytest.raises(Exception, match="write key"):
        client.track(user_id="u-1", event="Song Played")
    assert not Event.objects.exists()
