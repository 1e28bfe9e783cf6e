"""The admin theme: what the sidebar shows to whom, the tabs of scenarios, the start page."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _


def _may(permission: str) -> Any:
    return lambda request: request.user.has_perm(permission)


def _item(title: Any, icon: str, model: str) -> dict[str, Any]:
    """A link to the list of a model ("app.model"), for those who may see it."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: (
            request.user.has_perm(f"{app}.view_{name}") or request.user.has_perm(f"{app}.change_{name}")
        ),
    }


def _tab(title: Any, tab: str) -> dict[str, Any]:
    """A tab of the scenarios' list."""
    return {
        "title": title,
        "link": lambda request: f"{reverse('admin:scenarios_scenario_changelist')}?tab={tab}",
        "active": lambda request: _shown_tab(request) == tab,
        "permission": _may("scenarios.view_scenario"),
    }


def _on_problems(request: HttpRequest) -> bool:
    return bool(request.path == reverse("admin:scenarios_problems"))


def _shown_tab(request: HttpRequest) -> str:
    match = request.resolver_match
    name = match.url_name if match else ""
    if name == "scenarios_runlog_changelist":
        return "log"
    return request.GET.get("tab", "active") if name == "scenarios_scenario_changelist" else ""


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Loyalty"),
    "SITE_HEADER": _("Loyalty"),
    "SITE_SUBHEADER": _("Scenarios and bonuses"),
    "SITE_SYMBOL": "loyalty",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("config/favicon.svg")}],
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [lambda request: static("loyalty/admin.css"), lambda request: static("segments/rfm.css")],
    "DASHBOARD_CALLBACK": "config.dashboard.context",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {"title": _("Start"), "icon": "home", "link": reverse_lazy("admin:index")},
                ],
            },
            {
                "title": _("Marketing"),
                "items": [
                    _item(_("Scenarios"), "account_tree", "scenarios.scenario"),
                    _item(_("Log"), "list_alt", "scenarios.runlog"),
                    _item(_("Messages"), "mail", "messaging.message"),
                    # The page of problems lies below the list of runs.
                    _item(_("Runs"), "directions_walk", "scenarios.scenariorun")
                    | {"active": lambda request: "/scenariorun/" in request.path and not _on_problems(request)},
                    {
                        "title": _("Problems"),
                        "icon": "report",
                        "link": reverse_lazy("admin:scenarios_problems"),
                        "permission": _may("scenarios.view_scenariorun"),
                    },
                    _item(_("Messages from clients"), "forum", "messaging.inboundmessage"),
                    _item(_("Segments"), "label", "segments.segment"),
                    _item(_("Landing pages"), "web", "scenarios.landingpage"),
                    _item(_("RFM"), "grid_view", "segments.rfmsnapshot"),
                    _item(_("Demo mailbox"), "inbox", "messaging.sinkemail"),
                    _item(_("Suppressed addresses"), "block", "messaging.suppression"),
                    _item(_("Channel accounts"), "send", "messaging.channelaccount"),
                    _item(_("E-mail designs"), "dashboard_customize", "messaging.design"),
                    _item(capfirst(_("WhatsApp templates")), "quickreply", "messaging.whatsapptemplate"),
                    _item(_("Prices of channels"), "payments", "messaging.channelprice"),
                ],
            },
            {
                "title": _("Rules of messages"),
                "collapsible": True,
                "items": [
                    _item(_("Topics"), "topic", "messaging.topic"),
                    _item(_("Requests to confirm"), "mark_email_read", "messaging.confirmationtext"),
                    _item(_("Quiet hours"), "bedtime", "messaging.sendwindow"),
                    _item(_("Frequency caps"), "speed", "messaging.frequencycap"),
                    _item(_("Pause dates"), "event_busy", "messaging.pausedate"),
                ],
            },
            {
                "title": _("Promotions"),
                "collapsible": True,
                "items": [
                    _item(_("Promo codes"), "confirmation_number", "loyalty.promopool"),
                    _item(_("Uses of promo codes"), "sell", "loyalty.promoredemption"),
                    _item(_("Referrals"), "group_add", "loyalty.referral"),
                    _item(_("Quests"), "flag", "loyalty.quest"),
                    _item(_("Progress of quests"), "sprint", "loyalty.questprogress"),
                    _item(_("Profile forms"), "badge", "loyalty.profileform"),
                    _item(_("Surveys"), "rate_review", "loyalty.survey"),
                    _item(_("Answers to surveys"), "reviews", "loyalty.surveyanswer"),
                    _item(_("Gifts and accesses"), "key", "loyalty.accessgrant"),
                    _item(_("Refused promo codes"), "gpp_bad", "loyalty.promorefusal"),
                ],
            },
            {
                "title": _("Programme"),
                "collapsible": True,
                "items": [
                    _item(_("Rules of earning"), "percent", "loyalty.accrualrule"),
                    _item(_("Levels"), "military_tech", "loyalty.level"),
                    _item(_("Changes of level"), "trending_up", "loyalty.levelchange"),
                    _item(_("Settings and spending"), "tune", "loyalty.programme"),
                    {
                        "title": _("Example order"),
                        "icon": "calculate",
                        "link": reverse_lazy("admin:loyalty_programme_example"),
                        "permission": _may("loyalty.view_programme"),
                    },
                ],
            },
            {
                "title": _("Clients"),
                "items": [
                    _item(_("Clients"), "group", "loyalty.client"),
                    _item(_("Chats and devices"), "devices", "messaging.clientaddress"),
                    _item(_("Bonus operations"), "redeem", "loyalty.bonusoperation"),
                    _item(_("Events"), "bolt", "loyalty.event"),
                ],
            },
            {
                "title": _("Shop"),
                "items": [
                    _item(_("Orders"), "receipt_long", "loyalty.order"),
                    _item(_("Carts"), "shopping_cart", "loyalty.cart"),
                    _item(_("Products"), "inventory_2", "loyalty.product"),
                    _item(_("Stores"), "storefront", "loyalty.store"),
                ],
            },
            {
                "title": _("Settings"),
                "collapsible": True,
                "items": [
                    _item(_("Sources"), "cable", "loyalty.source"),
                    _item(_("Webhooks"), "webhook", "scenarios.webhookendpoint"),
                    _item(_("Webhook calls"), "outgoing_mail", "scenarios.webhookcall"),
                    _item(_("Refused deliveries"), "report", "loyalty.refuseddelivery"),
                    _item(_("API keys"), "key", "loyalty.apikey"),
                    _item(_("Referral rules"), "diversity_3", "loyalty.referralrules"),
                    _item(_("Users"), "person", "auth.user"),
                    _item(_("User groups"), "groups", "auth.group"),
                    {
                        "title": _("Queues"),
                        "icon": "pending_actions",
                        "link": "/admin/queues/",
                        "permission": lambda request: request.user.is_superuser,
                    },
                ],
            },
        ],
    },
    "TABS": [
        {
            "models": ["scenarios.scenario", "scenarios.runlog"],
            "items": [
                _tab(_("Active"), "active"),
                _tab(_("Drafts"), "drafts"),
                _tab(_("Chains"), "chains"),
                _tab(_("Archive"), "archive"),
                {
                    "title": _("Log"),
                    "link": lambda request: reverse("admin:scenarios_runlog_changelist"),
                    "active": lambda request: _shown_tab(request) == "log",
                    "permission": _may("scenarios.view_runlog"),
                },
            ],
        },
    ],
}
