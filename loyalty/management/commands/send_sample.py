"""`manage.py send_sample NAME`: posts a bundled payload here, signed as the shop would (contract §1)."""

import argparse
import json
import urllib.error
import urllib.request

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loyalty.models import Source
from loyalty.services import samples

TIMEOUT = 30  # seconds


class Command(BaseCommand):
    help = "Posts one of the bundled sample payloads to this installation as the shop would, signed."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", metavar="NAME", help="a sample, such as shopify-cart")
        parser.add_argument("--list", action="store_true", help="say what samples there are")
        parser.add_argument("--source", metavar="SLUG", help="default: the demo shop's, such as demo-shopify")
        parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="such as cart_token=c2")
        parser.add_argument("--email", help="the client's e-mail")
        parser.add_argument("--cart", type=int, metavar="N", help="another cart: a cart is reminded of once")
        parser.add_argument("--consent", choices=["yes", "no"], help="whether the client allows marketing")
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="default: PUBLIC_URL (%(default)s)")

    def handle(self, *, name: str | None, url: str, **options: object) -> None:
        if options["list"] or not name:
            self._list()
            return
        try:
            self._send(name, url.rstrip("/"), options)
        except samples.SampleError as error:
            raise CommandError(str(error)) from None

    def _list(self) -> None:
        for name in samples.names():
            self.stdout.write(f"{name:20} {samples.load(name, timezone.now()).about}")

    def _send(self, name: str, url: str, options: dict) -> None:
        now = timezone.now()
        sample = samples.load(name, now)
        slug = options["source"] or f"demo-{sample.kind}"
        source = Source.objects.filter(slug=slug).first()
        if source is None:
            raise CommandError(f"there is no source {slug}: `python manage.py demo` makes the demo shop's sources")
        if options["email"]:
            samples.set_email(sample, options["email"])
        if options["cart"]:
            samples.set_cart(sample, options["cart"])
        if options["consent"]:
            samples.set_consent(sample, options["consent"] == "yes")
        for change in options["set"]:
            path, equals, value = change.partition("=")
            if not equals:
                raise CommandError(f"--set {change}: PATH=VALUE is needed")
            samples.set_path(sample, path, _value(value))
        self._post(url, samples.sign(sample, source, now))

    def _post(self, url: str, signed: samples.Signed) -> None:
        if not url.startswith(("http://", "https://")):
            raise CommandError(f"{url} is no http(s) address")
        request = urllib.request.Request(url + signed.path, signed.body, signed.headers, method="POST")  # noqa: S310 (scheme is checked)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310 (scheme is checked)
                status, text = response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            raise CommandError(
                f"POST {request.full_url} → {error.code} {error.read().decode(errors='replace')[:500]}"
            ) from None
        except OSError as error:
            raise CommandError(f"nothing answers at {url} ({error}); is `make run` up?") from None
        self.stdout.write(f"POST {request.full_url} → {status} {text}")


def _value(text: str) -> object:
    """A value as JSON where it is JSON, else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
