"""`devices/`: an app says where pushes reach its client, a site hands over the browser's subscription (contract §3)."""

from typing import Any

import django_filters
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import ClientRef, Row
from loyalty.api.filters import ClientFilter, Filters
from loyalty.api.lookup import client, row_or_404
from loyalty.api.problems import Problem
from loyalty.api.views import Api
from loyalty.intake.facts import ConsentFact
from loyalty.services import consents, profiles
from messaging.channels import web_push
from messaging.models import MARKETING, Channel, ClientAddress, WebPushAccount
from messaging.services import addresses

CHANNELS = (Channel.PUSH, Channel.WEBPUSH)


class KeysIn(serializers.Serializer):
    """The keys of a browser's subscription."""

    p256dh = serializers.CharField(max_length=200)
    auth = serializers.CharField(max_length=100)


class SubscriptionIn(serializers.Serializer):
    """A browser's subscription, as `PushSubscription.toJSON()` gives it; what else is in it is passed over."""

    endpoint = serializers.CharField(max_length=700)
    keys = KeysIn()


class AddressIn(serializers.Serializer):
    """Where pushes go: either the token of an app, or the subscription of a browser."""

    token = serializers.CharField(max_length=1000, required=False, help_text="Of Firebase Cloud Messaging.")
    subscription = SubscriptionIn(required=False)

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        if ("token" in told) == ("subscription" in told):
            raise serializers.ValidationError({"token": [_("Give either a token or a subscription.")]})
        if "token" in told:
            return told | {"channel": Channel.PUSH, "value": told["token"]}
        try:
            value = web_push.address(told["subscription"])
        except ValueError:
            raise serializers.ValidationError({"subscription": [_("is no subscription of a browser")]}) from None
        if len(value) > 1000:
            raise serializers.ValidationError({"subscription": [_("is too long")]})
        return told | {"channel": Channel.WEBPUSH, "value": value}


class DeviceIn(AddressIn):
    """A client's device. It belongs to whoever registered it last."""

    client = ClientRef()
    device = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="For people: “Pixel 8”.")
    agreed = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text="What the client has said to marketing pushes. Left out: nothing was said, and silence is no.",
    )


class DeviceOut(Row):
    """A device. `active`: pushes go there, if it is the one of its client that was seen last."""

    client = serializers.IntegerField(source="client_id", read_only=True)
    active = serializers.BooleanField(read_only=True)

    class Meta:
        model = ClientAddress
        fields = ("id", "client", "channel", "device", "active", "created_at", "seen_at")


class RemovedOut(serializers.Serializer):
    """Whether it was there."""

    removed = serializers.BooleanField()


class KeyOut(serializers.Serializer):
    """What `pushManager.subscribe` takes as applicationServerKey."""

    key = serializers.CharField()


class DeviceFilters(Filters):
    """Of devices."""

    client = ClientFilter("client")
    channel = django_filters.ChoiceFilter(choices=[(channel.value, channel.label) for channel in CHANNELS])


class Devices(Api):
    """Apps and browsers of clients."""

    resource = "devices"
    queryset = addresses.with_state(ClientAddress.objects.filter(channel__in=CHANNELS))
    serializer_class = DeviceOut
    filterset_class = DeviceFilters
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        """Devices, the newest first. Their tokens are not shown."""
        return self.page(self.filter_queryset(self.get_queryset()), DeviceOut)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One device, by id."""
        return Response(DeviceOut(row_or_404(self.get_queryset(), pk)).data)

    @extend_schema(request=DeviceIn, responses=DeviceOut)
    def create(self, request: Request) -> Response:
        """Registers a device, at every start of the app if you like: what is known is only seen again.

        A device of another client becomes this one's: it has changed hands, or somebody else has signed in.
        """
        told, now = self.validated(DeviceIn), timezone.now()
        owner, channel = client(told["client"]), told["channel"]
        row = addresses.register(owner, channel, told["value"], told.get("device", ""), now)
        agreed = told.get("agreed")
        if agreed is not None and consents.words(owner).get((channel, MARKETING)) is not agreed:
            said = ConsentFact(channel, agreed, "devices")
            profiles.change(owner, self.key.source, {"consents": [said]}, now)
        return Response(DeviceOut(self.get_queryset().get(pk=row)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Forgets a device, as when its client signs out; one that is not there is no error."""
        number = int(pk) if pk.isascii() and pk.isdecimal() and len(pk) < 19 else 0
        ClientAddress.objects.filter(pk=number, channel__in=CHANNELS).delete()
        return Response(status=204)

    @extend_schema(request=AddressIn, responses=RemovedOut)
    @action(detail=False, methods=["post"], filterset_class=None)
    def remove(self, request: Request) -> Response:
        """Forgets a device by its token or subscription, for apps that keep no id."""
        told = self.validated(AddressIn)
        found = ClientAddress.objects.filter(channel=told["channel"], value=told["value"])
        return Response({"removed": bool(found.delete()[0])})

    @extend_schema(responses=KeyOut, filters=False)
    @action(detail=False, url_path="web-push-key", filterset_class=None, pagination_class=None)
    def web_push_key(self, request: Request) -> Response:
        """The public key with which a site's own page subscribes a browser."""
        account = WebPushAccount.objects.filter(active=True).order_by("-is_default", "pk").first()
        if account is None:
            raise Problem("not-found", _("Web push is not set up: Channel accounts."))
        return Response({"key": web_push.public_key(account.signing_key())})
