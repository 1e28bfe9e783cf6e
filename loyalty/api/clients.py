"""`clients/`: who they are, what they have, what happened to them (contract §3)."""

from typing import Any
from zoneinfo import available_timezones

import django_filters
from django.core.validators import slug_re
from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.events import EventOut
from loyalty.api.fields import Moment, Past, Row, checked
from loyalty.api.filters import Filters
from loyalty.api.levels import StandingOut, standing
from loyalty.api.lookup import client_or_404
from loyalty.api.problems import Problem
from loyalty.api.products import ProductOut, Products
from loyalty.api.referrals import CodeOut, code_of
from loyalty.api.schema import of_client
from loyalty.api.views import Api, idempotency_key
from loyalty.intake import read
from loyalty.intake.facts import ConsentFact, Fact, Phone, Profile, Who
from loyalty.models import BonusOperation, Client, Consent, Event, Identity, Recommendation, Store
from loyalty.services import find, ledger, profiles
from loyalty.services.programme import current
from loyalty.services.recommendations import MOST, recommend


class ExternalId(serializers.Serializer):
    """A client's id in another system."""

    source = serializers.CharField(source="scope")
    id = serializers.CharField(source="value")


class ConsentOut(Row):
    """The newest word on a channel and topic."""

    class Meta:
        model = Consent
        fields = ("channel", "topic", "granted", "given_at")


class RecommendedOut(serializers.Serializer):
    """A recommended product, and the kind that found it."""

    kind = serializers.ChoiceField(Recommendation.choices)
    product = ProductOut()


class RecommendedIn(serializers.Serializer):
    """What is asked for."""

    kind = serializers.ChoiceField(Recommendation.choices, default=Recommendation.PERSONAL.value)
    n = serializers.IntegerField(min_value=1, max_value=MOST, default=10, help_text="How many at most.")


class ClientOut(Row):
    """A client."""

    external_ids = serializers.SerializerMethodField()
    consents = ConsentOut(source="newest_consents", many=True, read_only=True)
    store = serializers.CharField(source="store.slug", default=None, read_only=True, help_text="The home store's code.")
    merged_into = serializers.IntegerField(source="merged_into_id", allow_null=True, read_only=True)

    class Meta:
        model = Client
        fields = (
            "id",
            "external_ids",
            "phone",
            "phone_quality",
            "email",
            "first_name",
            "last_name",
            "birthday",
            "gender",
            "zone",
            "store",
            "language",
            "attributes",
            "consents",
            "registered_at",
            "created_at",
            "merged_into",
        )

    @extend_schema_field(ExternalId(many=True))
    def get_external_ids(self, client: Any) -> list[dict[str, str]]:
        return [{"source": name.scope, "id": name.value} for name in client.external_names]


class ClientIn(serializers.Serializer):
    """What is told of a client. What is left out stays as it is."""

    external_id = serializers.CharField(
        max_length=read.ID_LENGTH, required=False, help_text="The id in the system that the API key speaks for."
    )
    phone = serializers.CharField(max_length=100, required=False, allow_blank=True)
    email = serializers.CharField(max_length=254, required=False, allow_blank=True)
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    birthday = serializers.DateField(required=False, allow_null=True)
    gender = serializers.ChoiceField(Client.Gender.choices, required=False, allow_blank=True)
    zone = serializers.CharField(max_length=64, required=False, allow_blank=True, help_text="Europe/Moscow")
    store = serializers.CharField(
        max_length=50, required=False, allow_blank=True, help_text="The home store's code; empty: none."
    )
    language = serializers.CharField(max_length=10, required=False, allow_blank=True)
    attributes = serializers.DictField(required=False, help_text="Merged key by key; null takes one away.")
    registered_at = Past(required=False)
    consents = serializers.DictField(
        child=serializers.BooleanField(), required=False, help_text='{"email": true, "sms": false}'
    )

    def validate_external_id(self, value: str) -> str:
        if value.lower() in read.NO_ID:
            raise serializers.ValidationError(_("is no id"))
        return value

    def validate_phone(self, value: str) -> Phone | None:
        phone = checked(lambda: read.phone(value, "", current().phone_region))
        if phone and not phone.e164:
            raise serializers.ValidationError(_("is no usable phone"))
        return phone

    def validate_email(self, value: str) -> str:
        email = checked(lambda: read.email(value, ""))
        if value and not email:
            raise serializers.ValidationError(_("is no usable e-mail"))
        return email

    def validate_birthday(self, value: Any) -> Any:
        return checked(lambda: read.birthday(value.isoformat(), "", timezone.now())) if value else None

    def validate_zone(self, value: str) -> str:
        if value and value not in available_timezones():
            raise serializers.ValidationError(_("is no IANA time zone"))
        return value

    def validate_store(self, value: str) -> Store | None:
        if not value:
            return None
        store = Store.objects.filter(slug=value).first() if slug_re.match(value) else None
        if store is None:
            raise serializers.ValidationError(_("is no store's code"))
        return store

    def validate_consents(self, value: dict[str, bool]) -> list[ConsentFact]:
        for channel in value:
            if channel not in Consent.Channel.values:
                raise serializers.ValidationError({channel: _("is not a channel")})
        return [ConsentFact(channel, granted, "api") for channel, granted in value.items()]


class ClientNew(ClientIn):
    """A new client: at least one of external_id, phone and email."""

    referral_code = serializers.CharField(
        max_length=100, required=False, help_text="By whose code the client came; one that is nobody's is passed over."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(attrs.get(name) for name in ("external_id", "phone", "email")):
            raise serializers.ValidationError(_("names nobody: an external_id, a phone or an email is needed"))
        return attrs


class BurningSoon(serializers.Serializer):
    """Bonuses that burn together."""

    at = Moment()
    amount = serializers.IntegerField()


class BalanceOut(serializers.Serializer):
    """What a client has, in minor units of the programme: 300 is 3.00 where `scale` is 2."""

    available = serializers.IntegerField()
    pending = serializers.IntegerField(help_text="Granted, usable later.")
    held = serializers.IntegerField(help_text="Set aside by holds, part of no other sum.")
    debt = serializers.IntegerField(help_text="Taken back beyond what was there; the next accrual repays it.")
    scale = serializers.IntegerField()
    burning = BurningSoon(many=True, help_text="What burns next, soonest first.")


class OperationOut(Row):
    """One posting of the ledger."""

    class Meta:
        model = BonusOperation
        fields = ("id", "kind", "amount", "source", "key", "reason", "posted_at")


class ClientFilters(Filters):
    """Of clients."""

    search = django_filters.CharFilter(method="find", help_text="External id, phone or e-mail.")
    phone = django_filters.CharFilter(method="by_phone")
    email = django_filters.CharFilter(method="by_email")
    external_id = django_filters.CharFilter(method="by_external_id", help_text="With `source` to be exact.")
    source = django_filters.CharFilter(method="by_source", help_text="The source of `external_id`.")

    def find(self, rows: QuerySet[Client], _name: str, text: str) -> QuerySet[Client]:
        return rows.filter(pk__in=find.client_ids(text))

    def by_phone(self, rows: QuerySet[Client], _name: str, text: str) -> QuerySet[Client]:
        phone = checked(lambda: read.phone(text, "phone", current().phone_region))
        return rows.filter(phone=phone.e164) if phone and phone.e164 else rows.none()

    def by_email(self, rows: QuerySet[Client], _name: str, text: str) -> QuerySet[Client]:
        return rows.filter(email=text.strip().lower())

    def by_external_id(self, rows: QuerySet[Client], _name: str, text: str) -> QuerySet[Client]:
        named = Identity.objects.filter(kind=Identity.Kind.EXTERNAL, value=text)
        if source := self.data.get("source"):
            named = named.filter(scope=source)
        return rows.filter(pk__in=list(named.values_list("client_id", flat=True)[:500]))

    def by_source(self, rows: QuerySet[Client], _name: str, text: str) -> QuerySet[Client]:
        return rows


class Clients(Api):
    """Clients of the programme."""

    resource = "clients"
    telling = Api.telling | {"phone", "email"}
    queryset = Client.objects.select_related("store").prefetch_related(
        Prefetch("identities", Identity.objects.filter(kind=Identity.Kind.EXTERNAL), to_attr="external_names"),
        Prefetch(
            "consents",
            Consent.objects.order_by("client", "channel", "topic", "-given_at", "-pk").distinct(
                "client", "channel", "topic"
            ),
            to_attr="newest_consents",
        ),
    )
    serializer_class = ClientOut
    filterset_class = ClientFilters
    lookup_field = "ref"
    lookup_value_regex = "[^/]+"

    def _shown(self, client_id: int, status: int = 200) -> Response:
        return Response(ClientOut(self.get_queryset().get(pk=client_id)).data, status=status)

    def list(self, request: Request) -> Response:
        """Clients, newest first; those who were merged into others are left out."""
        return self.page(self.filter_queryset(self.get_queryset().filter(merged_into=None)), ClientOut)

    @of_client
    def retrieve(self, request: Request, ref: str) -> Response:
        """One client, by id, phone, e-mail or external id; who was merged is whom they were merged into."""
        return self._shown(client_or_404(ref))

    @extend_schema(request=ClientNew, responses={201: ClientOut})
    def create(self, request: Request) -> Response:
        """Registers a client. A phone, e-mail or external id that somebody has is a 409 that names the field."""
        told, now = self.validated(ClientNew), timezone.now()
        profile = Profile(**{name: told[name] for name in _PROFILE if told.get(name)})
        profile.registered_at = told.get("registered_at") or now
        profile.store = told["store"].slug if told.get("store") else ""
        fact = Fact(
            f"api:{self.key.pk}:{read.key(idempotency_key(request))}",
            "customer.registered",
            now,
            who=Who(told.get("external_id", ""), told.get("phone"), told.get("email", "")),
            payload={"referral_code": told["referral_code"]} if "referral_code" in told else {},
            profile=profile,
            consents=tuple(told.get("consents", ())),
        )
        try:
            client_id = profiles.register(self.key.source, fact, now)
        except profiles.NameTaken as taken:
            raise _duplicate(taken) from None
        return self._shown(client_id, 201)

    @of_client
    @extend_schema(request=ClientIn, responses=ClientOut)
    def partial_update(self, request: Request, ref: str) -> Response:
        """Changes what the body names. An empty phone or e-mail takes it away."""
        client_id = client_or_404(ref)
        told = self.validated(ClientIn)
        try:
            profiles.change(client_id, self.key.source, told, timezone.now())
        except profiles.NameTaken as taken:
            raise _duplicate(taken) from None
        return self._shown(client_id)

    @of_client
    @extend_schema(responses=BalanceOut)
    @action(detail=True)
    def balance(self, request: Request, ref: str) -> Response:
        """What the client has now."""
        client_id, now = client_or_404(ref), timezone.now()
        has = ledger.balance(client_id, now)
        shown = {name: getattr(has, name) for name in ("available", "pending", "held", "debt")}
        shown |= {"scale": current().bonus_scale, "burning": find.burning(client_id, now)}
        return Response(BalanceOut(shown).data)

    @of_client
    @extend_schema(responses=StandingOut)
    @action(detail=True)
    def level(self, request: Request, ref: str) -> Response:
        """On which level the client stands, and how far the next one is."""
        return Response(StandingOut(standing(client_or_404(ref))).data)

    @of_client
    @extend_schema(responses=CodeOut)
    @action(detail=True)
    def referral(self, request: Request, ref: str) -> Response:
        """The client's referral code and link."""
        return Response(CodeOut(code_of(client_or_404(ref))).data)

    @of_client
    @extend_schema(parameters=[RecommendedIn], responses=RecommendedOut(many=True), filters=False)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def recommendations(self, request: Request, ref: str) -> Response:
        """Goods for the client, the best first; `kind` of each says where another kind stood in for the one asked."""
        asked = RecommendedIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        client_id = client_or_404(ref)
        kind, n = Recommendation(asked.validated_data["kind"]), asked.validated_data["n"]
        picks = recommend([client_id], kind, n, timezone.now()).get(client_id, [])
        products = Products.queryset.in_bulk([pick.product for pick in picks])
        shown = [{"kind": pick.kind, "product": products[pick.product]} for pick in picks]
        return Response(RecommendedOut(shown, many=True).data)

    @of_client
    @extend_schema(responses=OperationOut(many=True), filters=False)
    @action(detail=True, filterset_class=None)
    def ledger(self, request: Request, ref: str) -> Response:
        """Every posting, newest first."""
        rows = BonusOperation.objects.filter(client=client_or_404(ref))
        return self.page(self.filter_queryset(rows), OperationOut)

    @of_client
    @extend_schema(responses=EventOut(many=True), filters=False)
    @action(detail=True, filterset_class=None)
    def timeline(self, request: Request, ref: str) -> Response:
        """Everything that happened to the client and by the platform's own hand, newest first."""
        rows = Event.objects.filter(client=client_or_404(ref)).select_related("source").defer("raw", "source__secret")
        return self.page(self.filter_queryset(rows), EventOut)


_PROFILE = ("first_name", "last_name", "birthday", "gender", "zone", "language", "attributes")


def _duplicate(taken: profiles.NameTaken) -> Problem:
    reasons = {field: _("client %(id)s has it already") % {"id": holder} for field, holder in taken.holders.items()}
    return Problem("duplicate", **reasons)
