"""What a webhook may reach: the public internet, and inside only what is listed."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from messaging.channels import public_net
from scenarios.engine import safe_http
from tests.scenarios.web_sink import WebSink

INSIDE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public_however_it_is_written(address):
    assert not public_net.is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_what_is_outside_is_public(address):
    assert public_net.is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "https://[::1]/", "http://[::ffff:127.0.0.1]/", "http://2130706433/",
        "http://0x7f.1/", "http://0/", "http://169.254.169.254/latest/meta-data/", "http://1.1.1.1/",
        "ftp://1.1.1.1/", "file:///etc/passwd", "https://user:pass@1.1.1.1/", "https:///x",
        "https://1.1.1.1:99999/", "",
    ],
)  # fmt: skip
def test_an_address_that_must_not_be_called_is_refused(url):
    with pytest.raises(safe_http.Refused):
        safe_http.post(url, b"{}", {}, [])


def test_what_is_listed_may_be_called_and_nothing_beside_it():
    with WebSink() as sink:
        with pytest.raises(safe_http.Refused):
            safe_http.post(sink.url, b"{}", {}, ["10.0.0.0/8"])
        assert safe_http.post(sink.url, b"{}", {"X-Key": "k"}, ["127.0.0.0/8"]).status == 200
    path, headers, body = sink.requests[0]
    assert (path, headers["host"], headers["x-key"], body) == ("/hook?a=1", f"127.0.0.1:{sink.port}", "k", b"{}")
    assert len(sink.requests) == 1


def test_a_redirect_is_not_followed():
    with WebSink() as sink:
        sink.answers = [(302, {"Location": sink.url}, b"")]
        assert safe_http.post(sink.url, b"{}", {}, ["127.0.0.1"]).status == 302
        assert len(sink.requests) == 1


def test_of_a_long_answer_the_beginning_is_read():
    with WebSink() as sink:
        sink.answers = [(200, {}, b"x" * (safe_http.MAX_ANSWER + 50_000))]
        assert len(safe_http.post(sink.url, b"{}", {}, ["127.0.0.1"]).body) == safe_http.MAX_ANSWER


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "https://no-such-host.invalid/"])
def test_nobody_there_is_unreachable(url):
    with pytest.raises(safe_http.Unreachable):
        safe_http.post(url, b"{}", {}, ["127.0.0.1"])


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Sun, 22 Nov 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(said, wait):
    assert public_net.patience(said, datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) == wait
