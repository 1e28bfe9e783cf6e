"""Links are counted through signed addresses; opens by a picture; machines apart (semantics §26)."""

import re
from datetime import timedelta
from itertools import count

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.models import Event, Programme
from messaging import tokens
from messaging.models import Link, Message, Touch
from messaging.services import links, outbox, touches, tracking
from messaging.tokens import Purpose
from tests import builders as b
from tests.builders import NOW

SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
SHOP = "https://shop.example/tea?a=1&b=2"

_runs = count(1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_targets():
    links.target.cache_clear()


def _queue(body=f"Look: {SHOP}.", person=None, channel="email", scenario=5, **values):
    person = person or b.client()
    address = person.email if channel == "email" else person.phone
    draft = outbox.Draft(
        person.pk, scenario, next(_runs), "s1", 1, channel, "marketing", address, "Subject", body, **values
    )
    (message_id,) = outbox.queue([draft], NOW)
    return Message.objects.get(pk=message_id)


def _sent(*args, ago=timedelta(hours=1), **values):
    message = _queue(*args, **values)
    Message.objects.filter(pk=message.pk).update(status="accepted", sent_at=timezone.now() - ago)
    return message


def _paths(text):
    return re.findall(r"http://127\.0\.0\.1:8000(/r/[\w-]+)", text)


def _fold():
    return touches.fold(timezone.now() + touches.WAIT)


@pytest.fixture(autouse=True)
def _public_url(settings):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"


class TestTexts:
    def test_a_link_of_a_text_leads_through_us_and_the_stop_of_the_sentence_stays(self):
        body = _queue().body
        (path,) = _paths(body)
        assert body == f"Look: http://127.0.0.1:8000{path}."
        assert Link.objects.get().url == SHOP

    def test_what_an_sms_carries_is_short(self):
        (path,) = _paths(_queue(channel="sms").body)
        assert len(path) <= 20

    def test_one_step_stores_an_address_once_whoever_it_is_sent_to(self):
        bodies = {_queue().body for _ in range(3)}
        assert Link.objects.count() == 1
        assert len(bodies) == 3  # everybody's own

    def test_pages_of_our_own_are_left_alone(self):
        body = "http://127.0.0.1:8000/survey/x/ http://127.0.0.1:8000/ref/ABC/ http://127.0.0.1:8000/u/t"
        assert _queue(body).body == body

    def test_links_of_html_are_counted_wherever_they_stand(self):
        html = (
            "<html><head><link href='https://fonts.example/x.css'></head><body>"
            f'<a class="b" href="{SHOP.replace("&", "&amp;")}">tea</a>'
            "<A HREF='https://shop.example/2'>2</A> <a href=\"mailto:a@b.c\">x</a>"
            '<!--[if mso]><v:roundrect xmlns:v="x" href="https://shop.example/2"></v:roundrect><![endif]-->'
            "</body></html>"
        )
        dressed = tracking.dress({7: tracking.Text(5, "s1", "email", "marketing", "Text", html)}, NOW)
        (_body, changed) = dressed[7]
        assert set(Link.objects.values_list("url", flat=True)) == {SHOP, "https://shop.example/2"}
        assert "fonts.example/x.css" in changed
        assert "mailto:a@b.c" in changed
        assert "shop.example" not in changed
        assert re.search(r'<img src="http://127\.0\.0\.1:8000/o/[\w-]+\.gif" [^>]*></body></html>$', changed)

    def test_the_programme_may_count_nothing(self):
        Programme.objects.update_or_create(pk=1, defaults={"track_links": False, "track_opens": False})
        html = f'<a href="{SHOP}">x</a>'
        dressed = tracking.dress({7: tracking.Text(5, "s1", "email", "marketing", f"See {SHOP}", html)}, NOW)
        assert dressed[7] == (f"See {SHOP}", html.replace("&", "&amp;"))
        assert not Link.objects.exists()

    @pytest.mark.parametrize(
        ("url", "tagged"),
        [
            ("https://s.example/", "https://s.example/?utm_source=us&utm_medium=email&utm_campaign=5"),
            ("https://s.example/?a=1#top", "https://s.example/?a=1&utm_source=us&utm_medium=email&utm_campaign=5#top"),
            ("https://s.example/?utm_source=x", "https://s.example/?utm_source=x"),
        ],
    )
    def test_utm_tags_are_added_where_there_are_none(self, url, tagged):
        utm = "utm_source=us&utm_medium={channel}&utm_campaign={scenario}"
        Programme.objects.update_or_create(pk=1, defaults={"utm": utm})
        _queue(f"See {url} now")
        assert Link.objects.get().url == tagged

    def test_a_batch_costs_the_same_however_large(self):
        def batch(people):
            drafts = [
                outbox.Draft(p.pk, 5, next(_runs), "s1", 1, "email", "marketing", p.email, "S", f"{SHOP}#{p.pk}")
                for p in people
            ]
            with CaptureQueriesContext(connection) as queries:
                outbox.queue(drafts, NOW)
            return len(queries)

        Programme.objects.get_or_create(pk=1)
        assert batch(b.clients(2)) == batch(b.clients(50)) == 5  # ids, programme, links found, added, COPY

    def test_a_text_without_links_costs_nothing(self):
        person = b.client()
        with CaptureQueriesContext(connection) as queries:
            _queue("Hello", person)
        assert len(queries) == 3  # ids, COPY, and the look of this test


class TestLinks:
    def test_a_click_leads_on_and_is_counted(self):
        message = _sent()
        answer = Browser(headers={"user-agent": SAFARI}).get(_paths(message.body)[0])
        assert (answer.status_code, answer["Location"]) == (302, SHOP)
        assert "no-store" in answer["Cache-Control"]
        assert _fold() == 1
        message.refresh_from_db()
        assert message.first_clicked_at
        assert message.first_opened_at == message.first_clicked_at
        link = Link.objects.get()
        assert (link.clicks, link.clickers, link.machine_clicks) == (1, 1, 0)
        clicked = Event.objects.get(name="message.clicked")
        assert clicked.client_id == message.client_id
        assert clicked.payload == {
            "message": message.pk, "scenario": 5, "step": "s1", "channel": "email", "topic": "marketing",
            "link": SHOP, "link_id": link.pk,
        }  # fmt: skip
        assert Event.objects.filter(name="message.opened").count() == 1

    def test_clicking_again_counts_the_click_and_tells_nothing_new(self):
        message = _sent()
        for _ in range(3):
            Browser(headers={"user-agent": SAFARI}).get(_paths(message.body)[0])
            _fold()
        link = Link.objects.get()
        assert (link.clicks, link.clickers) == (3, 1)
        assert Event.objects.filter(name="message.clicked").count() == 1

    def test_a_click_in_an_sms_is_not_an_open(self):
        message = _sent(channel="sms")
        Browser(headers={"user-agent": SAFARI}).get(_paths(message.body)[0])
        _fold()
        message.refresh_from_db()
        assert message.first_clicked_at
        assert message.first_opened_at is None

    @pytest.mark.parametrize(
        "spoil", [lambda p: p[:-1], lambda p: p[:5] + "A" + p[6:], lambda p: "/r/AAAA", lambda p: "/r/x"]
    )
    def test_a_forged_link_leads_nowhere(self, spoil):
        path = spoil(_paths(_sent().body)[0])
        assert Browser().get(path).status_code == 403
        assert not Touch.objects.exists()

    def test_a_token_of_an_open_is_no_link(self):
        assert Browser().get(f"/r/{tokens.sign(Purpose.OPEN, 1, 1)}").status_code == 403

    def test_a_link_that_is_gone_says_so(self):
        path = _paths(_sent().body)[0]
        Link.objects.all().delete()
        assert Browser().get(path).status_code == 410

    def test_links_outlive_a_change_of_the_secret(self, settings):
        path = _paths(_sent().body)[0]
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10
        assert Browser().get(path).status_code == 302
        settings.SECRET_KEY_FALLBACKS = []
        assert Browser().get(path).status_code == 403

    def test_a_click_costs_one_insert(self):
        path = _paths(_sent().body)[0]
        Browser().get(path)
        with CaptureQueriesContext(connection) as queries:
            Browser().get(path)
        assert len(queries) == 1

    def test_nothing_but_looking_is_allowed(self):
        assert Browser().post(_paths(_sent().body)[0]).status_code == 405


class TestOpens:
    def _open(self, message, agent=SAFARI, **headers):
        path = f"/o/{tokens.sign(Purpose.OPEN, message.pk)}.gif"
        return Browser(headers={"user-agent": agent} | headers).get(path)

    def test_an_open_is_a_picture_and_an_event_once(self):
        message = _sent()
        for _ in range(2):
            answer = self._open(message)
            assert answer["Content-Type"] == "image/gif"
            _fold()
        message.refresh_from_db()
        assert message.first_opened_at
        assert message.first_clicked_at is None
        assert Event.objects.get().name == "message.opened"

    @pytest.mark.parametrize(
        ("agent", "column"), [(GMAIL, "proxy_opens"), ("Mozilla/5.0", "proxy_opens"), ("curl/8", "machine_opens")]
    )
    def test_proxies_and_machines_are_counted_apart(self, agent, column):
        message = _sent()
        self._open(message, agent)
        _fold()
        message.refresh_from_db()
        assert message.first_opened_at is None
        assert getattr(message, column) == 1
        assert not Event.objects.exists()

    def test_a_forged_picture_is_none(self):
        assert Browser().get("/o/AAAAAAAAAA.gif").status_code == 403


class TestMachines:
    @pytest.mark.parametrize("ask", [
        lambda path: Browser(headers={"user-agent": SAFARI}).head(path),
        lambda path: Browser().get(path),
        lambda path: Browser(headers={"user-agent": "Barracuda Sentinel (EE)"}).get(path),
        lambda path: Browser(headers={"user-agent": "WhatsApp/2.23 A"}).get(path),
        lambda path: Browser(headers={"user-agent": SAFARI, "sec-purpose": "prefetch;prerender"}).get(path),
    ])  # fmt: skip
    def test_a_machine_is_led_on_and_counted_apart(self, ask):
        message = _sent()
        assert ask(_paths(message.body)[0]).status_code == 302
        _fold()
        message.refresh_from_db()
        assert (message.first_clicked_at, message.machine_clicks) == (None, 1)
        assert (Link.objects.get().clicks, Link.objects.get().machine_clicks) == (0, 1)

    def _click_all(self, ago):
        message = _sent("https://s.example/1 https://s.example/2 https://s.example/3", ago=ago)
        for path in _paths(message.body):
            Browser(headers={"user-agent": SAFARI}).get(path)
        _fold()
        message.refresh_from_db()
        return message

    def test_who_follows_every_link_as_soon_as_it_came_is_a_scanner(self):
        message = self._click_all(timedelta(seconds=20))
        assert (message.first_clicked_at, message.machine_clicks) == (None, 3)

    def test_later_it_is_a_curious_person(self):
        message = self._click_all(timedelta(minutes=10))
        assert message.first_clicked_at
        assert Event.objects.filter(name="message.clicked").count() == 3

    def test_nobody_clicks_in_the_second_of_sending(self):
        message = _sent(ago=timedelta(seconds=1))
        Browser(headers={"user-agent": SAFARI}).get(_paths(message.body)[0])
        _fold()
        message.refresh_from_db()
        assert message.machine_clicks == 1

    def test_an_early_click_waits_for_the_others_and_a_late_one_does_not(self):
        for ago, taken in ((timedelta(seconds=30), 0), (timedelta(hours=1), 1)):
            Browser(headers={"user-agent": SAFARI}).get(_paths(_sent(ago=ago).body)[0])
            assert touches.fold(timezone.now()) == taken


class TestFolding:
    def test_it_costs_the_same_however_many(self):
        def fold(number):
            for _ in range(number):
                message = _sent()
                Browser(headers={"user-agent": SAFARI}).get(_paths(message.body)[0])
            with CaptureQueriesContext(connection) as queries:
                assert _fold() == number
            return len(queries)

        fold(1)  # makes the platform's source
        assert fold(2) == fold(20)

    def test_messages_that_left_the_log_are_passed_over(self):
        touches.note(10**9, None, "person", NOW)
        assert _fold() == 1
        assert not Touch.objects.exists()

    def test_the_earliest_open_counts_whatever_order_they_come_in(self):
        message = _sent()
        began = timezone.now() - timedelta(minutes=30)
        for minutes in (5, 1, 3):
            touches.note(message.pk, None, "person", began + timedelta(minutes=minutes))
            _fold()
        message.refresh_from_db()
        assert message.first_opened_at == began + timedelta(minutes=1)
