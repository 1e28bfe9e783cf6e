"""Channel accounts: a list of all of them, a page for each, a test, and the switch that stops everything."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from messaging.models import (
    AccountState,
    Channel,
    ChannelAccount,
    EspAccount,
    FcmAccount,
    GatewayAccount,
    SendingSwitch,
    SmtpAccount,
    TelegramAccount,
    TwilioAccount,
    VkAccount,
    WebPushAccount,
    WhatsAppAccount,
)
from messaging.services import bots, whatsapp_templates
from messaging.services.account_health import Light, light
from messaging.services.trials import send_test

KINDS: tuple[type[ChannelAccount], ...] = (
    SmtpAccount,
    EspAccount,
    TwilioAccount,
    WhatsAppAccount,
    GatewayAccount,
    TelegramAccount,
    VkAccount,
    FcmAccount,
    WebPushAccount,
)
# Secrets that are typed in several lines.
LONG = ("options", "headers", "service_account")
LIST = "admin:messaging_channelaccount_changelist"
COLOURS = {Light.NONE: "default", Light.GREEN: "success", Light.YELLOW: "warning", Light.RED: "danger"}


def _state(account: ChannelAccount) -> AccountState | None:
    return getattr(account, "state", None)


class AccountForm(forms.ModelForm):
    """An account. Secrets go in and never come out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept = {name: getattr(self.instance, name) for name in self.instance.SECRETS}
        for name in self.instance.SECRETS:
            if name not in self.fields:
                continue
            self.initial[name] = ""
            if self._kept[name]:
                self.fields[name].help_text = _("Stored and never shown. Empty: it stays as it is.")
        if "channel" in self.fields:
            self.fields["channel"].choices = [(c.value, c.label) for c in self.instance.CHANNELS]  # type: ignore[attr-defined]

    # Another account may be the main one so far: saving makes it give way.
    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() | {"is_default"}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name, kept in self._kept.items():
            if name in self.fields and not data.get(name):
                data[name] = kept
                if not kept and name == self.instance.SECRETS[0] and self._needs(name):
                    self.add_error(name, _("This is needed."))
        return data

    def _needs(self, name: str) -> bool:
        # A mail server inside may want no password, a gateway no header.
        return name in ("token", "options", "service_account")

    def _post_clean(self) -> None:
        super()._post_clean()
        if isinstance(self.instance, EspAccount) and "options" not in self.errors:
            try:
                self.instance.settings()
            except ValueError as error:
                self.add_error("options", t("Line %(line)s: name = value.") % {"line": error})


class TestForm(forms.Form):
    """To whom and what."""

    address = forms.CharField(label=_("To"), max_length=1000, widget=UnfoldAdminTextInputWidget)
    subject = forms.CharField(
        label=_("Subject"), max_length=300, required=False, widget=UnfoldAdminTextInputWidget, initial=_("A test")
    )
    body = forms.CharField(
        label=_("Text"),
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        initial=_("This message tries a channel account."),
    )


class AccountAdmin(ModelAdmin):
    """The page of one account; who may see accounts may see those of every kind."""

    form = AccountForm
    actions = None
    actions_detail = ("test",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        own = tuple(
            field.name
            for field in self.model._meta.local_fields
            if field.editable and not field.primary_key and field.remote_field is None
        )
        channel = ("channel",) if len(self.model.CHANNELS) > 1 else ()
        return [
            (
                None,
                {"fields": (("name", *channel), "active", "is_default", "stopped", *(("health",) if obj else ()))},
            ),
            (self.model._meta.verbose_name, {"fields": own}),
            (_("How fast and for how much"), {"fields": (("rate", "price"), ("concurrency", "timeout"))}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("health",) if obj else ()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.model.SECRETS:
            long = db_field.name in LONG
            kwargs["widget"] = (
                UnfoldAdminTextareaWidget(attrs={"rows": 4, "autocomplete": "off"})
                if long
                else UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
            )
            return db_field.formfield(**kwargs)
        if db_field.name == "url":
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        name = f"messaging_{self.model._meta.model_name}_test"
        view = self.admin_site.admin_view(self.test_view)
        return [path("<int:object_id>/test/", view, name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse(LIST))

    def save_model(self, request: HttpRequest, obj: ChannelAccount, form: Any, change: bool) -> None:
        if len(obj.CHANNELS) == 1:
            obj.channel = obj.CHANNELS[0]
        with transaction.atomic():
            if obj.is_default:
                others = ChannelAccount.objects.filter(channel=obj.channel, is_default=True).exclude(pk=obj.pk)
                others.update(is_default=False)
            super().save_model(request, obj, form, change)
            AccountState.objects.get_or_create(account_id=obj.pk)

    # Messages say which account sent them: it is switched off, not deleted.
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("messaging.view_channelaccount") or self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("messaging.change_channelaccount")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.add_channelaccount")

    def has_test_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("messaging.test_channelaccount")

    @action(description=_("Send a test"), icon="send", permissions=["test"])
    def test(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:messaging_{self.model._meta.model_name}_test", args=[object_id]))

    def test_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """GET asks to whom; POST queues the test and leads to it in the log."""
        account = get_object_or_404(self.model, pk=object_id)
        if not self.has_test_permission(request):
            raise PermissionDenied
        form = TestForm(request.POST or None)
        if account.channel != Channel.EMAIL:
            del form.fields["subject"]
        if request.method == "POST" and not account.active:
            form.add_error(None, _("The account is switched off."))
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            message = send_test(account, said["address"], said.get("subject", ""), said["body"], {}, timezone.now())
            self.log_change(request, account, t("Test sent"))
            messages.success(request, t("The test is on its way; this page shows what becomes of it."))
            return HttpResponseRedirect(reverse("admin:messaging_message_change", args=[message]))
        context = self.admin_site.each_context(request) | {
            "title": t("Send a test through «%(account)s»") % {"account": account},
            "opts": ChannelAccount._meta,
            "form": form,
            "back": reverse(f"admin:messaging_{self.model._meta.model_name}_change", args=[object_id]),
        }
        return render(request, "messaging/account_test.html", context)

    @display(description=_("health"))
    def health(self, account: ChannelAccount) -> SafeString | str:
        state = _state(account)
        words = _WORDS[light(state)]
        if state is None or not state.error:
            return str(words)
        return format_html("{}<br>{}: {}", words, t("Last error"), state.error)


_WORDS = {
    Light.NONE: _("nothing sent yet"),
    Light.GREEN: _("works"),
    Light.YELLOW: _("some fail"),
    Light.RED: _("does not send"),
}


class TelegramAdmin(AccountAdmin):
    """A bot also has to be told where to report what clients say to it."""

    actions_detail = ("connect", "test")

    @action(description=_("Connect the bot"), icon="link", permissions=["change"])
    def connect(self, request: HttpRequest, object_id: int) -> HttpResponse:
        account = get_object_or_404(TelegramAccount, pk=object_id)
        try:
            bots.connect(account)
        except bots.NotConnected as error:
            messages.error(request, t("Telegram did not connect the bot: %(error)s") % {"error": error})
        else:
            self.log_change(request, account, t("Connected"))
            messages.success(request, t("Connected: the bot hears what clients write."))
        return HttpResponseRedirect(reverse("admin:messaging_telegramaccount_change", args=[object_id]))


class WhatsAppAdmin(AccountAdmin):
    """An account also knows the templates that WhatsApp approved for it."""

    actions_detail = ("load_templates", "test")

    @action(description=_("Load templates"), icon="quickreply", permissions=["change"])
    def load_templates(self, request: HttpRequest, object_id: int) -> HttpResponse:
        account = get_object_or_404(WhatsAppAccount, pk=object_id)
        try:
            count = whatsapp_templates.load(account, timezone.now())
        except whatsapp_templates.NotLoaded as error:
            messages.error(request, t("Twilio did not tell its templates: %(error)s") % {"error": error})
            return HttpResponseRedirect(reverse("admin:messaging_whatsappaccount_change", args=[object_id]))
        self.log_change(request, account, t("Templates loaded"))
        said = ngettext("%(n)d template is known now.", "%(n)d templates are known now.", count)
        messages.success(request, said % {"n": count})
        return HttpResponseRedirect(reverse("admin:messaging_whatsapptemplate_changelist"))


_ADMINS: dict[type[ChannelAccount], type[AccountAdmin]] = {
    TelegramAccount: TelegramAdmin,
    WhatsAppAccount: WhatsAppAdmin,
}
for _kind in KINDS:
    admin.site.register(_kind, _ADMINS.get(_kind, AccountAdmin))


@admin.register(ChannelAccount)
class ChannelAccountAdmin(ModelAdmin):
    """All accounts, with the light of each."""

    list_display = ("named", "channel", "lit", "sends", "rate", "price", "last_error")
    list_filter = ("channel", "active")
    ordering = ("channel", "-is_default", "pk")
    actions = None
    list_before_template = "messaging/accounts_before.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChannelAccount]:
        return super().get_queryset(request).select_related("state", "polymorphic_ctype").non_polymorphic()

    def get_urls(self) -> list[URLPattern]:
        switch = self.admin_site.admin_view(require_POST(self.switch_view))
        return [path("switch/", switch, name="messaging_sending_switch"), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Which kind?"""
        if not self.has_add_permission(request):
            raise PermissionDenied
        kinds = [
            (
                capfirst(str(kind._meta.verbose_name)),
                ", ".join(str(channel.label) for channel in kind.CHANNELS),
                reverse(f"admin:messaging_{kind._meta.model_name}_add"),
            )
            for kind in KINDS
        ]
        context = self.admin_site.each_context(request) | {
            "title": t("Through whom are messages to be sent?"), "opts": self.opts, "kinds": kinds
        }  # fmt: skip
        return render(request, "messaging/account_kinds.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(_page(get_object_or_404(self.get_queryset(request), pk=object_id)))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        switch = SendingSwitch.objects.first()
        context = {"switch": switch, "may_switch": request.user.has_perm("messaging.stop_sending")}
        return super().changelist_view(request, context | (extra_context or {}))

    def switch_view(self, request: HttpRequest) -> HttpResponse:
        """POST `stopped` = 1 or 0: stops all sending, or lets it go on."""
        if not request.user.has_perm("messaging.stop_sending"):
            raise PermissionDenied
        stopped = request.POST.get("stopped") == "1"
        said = {"stopped": stopped, "since": timezone.now(), "by": request.user.get_username()}
        SendingSwitch.objects.update_or_create(pk=1, defaults=said)
        messages.warning(request, t("All sending is stopped.") if stopped else t("Sending goes on."))
        return HttpResponseRedirect(reverse(LIST))

    @display(description=_("name"), header=True, ordering="name")
    def named(self, account: ChannelAccount) -> list[str]:
        model = account.polymorphic_ctype.model_class()
        return [account.name, str(model._meta.verbose_name) if model else "—"]

    @display(description=_("health"), label=COLOURS)
    def lit(self, account: ChannelAccount) -> tuple[Light, str]:
        found = light(_state(account))
        return found, str(_WORDS[found])

    @display(description=_("sends"), label={"main": "success", "on": "info", "off": "default", "stopped": "danger"})
    def sends(self, account: ChannelAccount) -> tuple[str, str]:
        if not account.active:
            return "off", t("switched off")
        if account.stopped:
            return "stopped", t("stopped")
        return ("main", t("main account")) if account.is_default else ("on", t("yes"))

    @display(description=_("last error"))
    def last_error(self, account: ChannelAccount) -> str:
        state = _state(account)
        return state.error[:80] if state and state.error else "—"


def _page(account: ChannelAccount) -> str:
    model = account.polymorphic_ctype.model
    return reverse(f"admin:messaging_{model}_change", args=[account.pk])
