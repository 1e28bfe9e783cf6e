"""Quests, and how far clients are."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from loyalty.admin.base import BigTableAdmin, bar, grouped, link, money
from loyalty.admin.fields import MoneyField
from loyalty.models import Quest, QuestProgress
from loyalty.money import digits, major
from loyalty.services.programme import current


class QuestForm(forms.ModelForm):
    """A quest; sums in major units."""

    target = forms.DecimalField(
        label=capfirst(_("target")),
        min_value=1,
        max_value=10**13,
        widget=UnfoldAdminDecimalFieldWidget(),
        help_text=_("How many, or the sum."),
    )
    min_order = MoneyField(
        label=capfirst(_("order from")), required=False, help_text=_("Smaller purchases do not count.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.measure == Quest.Measure.SUM:
            self.initial["target"] = major(self.instance.target, current().currency)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        target = data.get("target")
        if target is not None:
            if data.get("measure") == Quest.Measure.SUM:
                target = target.scaleb(digits(current().currency))
            if target != target.to_integral_value():
                self.add_error("target", _("More digits after the point than it can have."))
            data["target"] = int(target)
        return data


class QuestList(ChangeList):
    """Quests with how many take part and how many are done: one query for the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        counted = (
            QuestProgress.objects.filter(quest__in=[quest.pk for quest in self.result_list])
            .values("quest")
            .annotate(taking=Count("pk"), done=Count("pk", filter=Q(completed_at__isnull=False)))
        )
        by_quest = {row["quest"]: row for row in counted}
        for quest in self.result_list:
            row = by_quest.get(quest.pk, {})
            quest.taking, quest.done = row.get("taking", 0), row.get("done", 0)


def amount(quest: Quest, value: int) -> str:
    """A value of the quest in words: a number, or a sum."""
    return money(value, current().currency) if quest.measure == Quest.Measure.SUM else grouped(value)


@admin.register(Quest)
class QuestAdmin(ModelAdmin):
    """Quests."""

    form = QuestForm
    list_display = ("name", "goal", "reward", "starts_at", "ends_at", "taking_part", "active")
    list_filter = ("active",)
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    actions = None
    compressed_fields = False
    fieldsets = (
        (None, {"fields": (("name", "slug"), "active")}),
        (_("What to buy"), {"fields": (("measure", "target"), ("category", "min_order"), ("starts_at", "ends_at"))}),
        (_("Reward"), {"fields": (("reward", "lifetime_days"),)}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return QuestList

    # What clients have done and were given refers to it: a quest is switched off, not deleted.
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Quest, form: forms.ModelForm, change: bool) -> None:
        # What was bought before is counted by the rules as they are now.
        obj.counted_at = None
        obj.save()

    @display(description=_("goal"))
    def goal(self, quest: Quest) -> str:
        return f"{quest.get_measure_display()}: {amount(quest, quest.target)}"

    @display(description=_("completed, of those who take part"))
    def taking_part(self, quest: Any) -> SafeString:
        return bar(quest.done, quest.taking, f"{grouped(quest.done)} / {grouped(quest.taking)}")


@admin.register(QuestProgress)
class QuestProgressAdmin(BigTableAdmin):
    """How far clients are."""

    list_display = ("who", "quest", "progress", "changed_at", "completed_at", "reward")
    list_select_related = ("client", "quest", "operation")
    list_filter = (("quest", RelatedDropdownFilter),)
    list_filter_submit = True
    list_display_links = None
    search_help_text = _("Phone, e-mail or id of a client")

    @display(description=_("client"))
    def who(self, progress: QuestProgress) -> SafeString | str:
        return link(progress.client)

    @display(description=_("progress"))
    def progress(self, progress: QuestProgress) -> SafeString:
        quest = progress.quest
        words = f"{amount(quest, progress.value)} / {amount(quest, quest.target)}"
        return bar(min(progress.value, quest.target), quest.target, words)

    @display(description=_("reward"))
    def reward(self, progress: QuestProgress) -> str:
        return str(progress.operation.amount) if progress.operation else ""
