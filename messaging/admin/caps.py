"""How often clients may be written to."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from messaging.models import FrequencyCap, Topic


def _topics() -> list[tuple[str, Any]]:
    marketing = Topic.objects.filter(kind=Topic.Kind.MARKETING).values_list("slug", "name")
    return [("", _("all marketing")), *marketing]


class FrequencyCapForm(forms.ModelForm):
    """A cap is about a topic that caps hold back at all."""

    topic = forms.ChoiceField(
        label=capfirst(_("topic")), choices=_topics, required=False, widget=UnfoldAdminSelectWidget
    )


@admin.register(FrequencyCap)
class FrequencyCapAdmin(ModelAdmin):
    """Frequency caps."""

    form = FrequencyCapForm
    list_display = ("about", "within", "defer_hours")
    fieldsets = (
        (
            None,
            {
                "fields": (("channel", "topic"), ("limit", "hours"), "defer_hours"),
                "description": _(
                    "Counted are messages that were sent. Transactional topics are exempt: they neither wait nor count."
                ),
            },
        ),
    )

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "channel" and field is not None:
            field.choices = [("", _("all channels together")), *field.choices[1:]]
        return field

    @display(description=_("what"))
    def about(self, cap: FrequencyCap) -> str:
        channel = cap.get_channel_display() if cap.channel else _("all channels together")
        topic = dict(_topics()).get(cap.topic, cap.topic)
        return f"{channel}: {topic}"

    @display(description=_("at most"))
    def within(self, cap: FrequencyCap) -> str:
        return cap.within()
