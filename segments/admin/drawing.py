"""Drawing winners on the page of a segment."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from segments.admin.fields import SegmentSelect
from segments.admin.segment_owner import SegmentOwner
from segments.models import Segment
from segments.services import drawing

MOST = 100_000


class DrawForm(forms.Form):
    """How many win, and where they go."""

    number = forms.IntegerField(
        label=capfirst(_("winners")), min_value=1, max_value=MOST, initial=1, widget=UnfoldAdminIntegerFieldWidget()
    )
    into = forms.ModelChoiceField(
        label=capfirst(_("add the winners to the segment")),
        queryset=Segment.objects.filter(kind=Segment.Kind.STATIC).order_by("name"),
        widget=SegmentSelect,
        help_text=_("Who is in it already is not drawn. A scenario may begin when a client enters it."),
    )


@require_http_methods(["GET", "POST"])
def draw_view(request: HttpRequest, object_id: int, **context: Any) -> HttpResponse:
    """GET: asks how many and where. POST: draws; the history of both segments says so."""
    segment = get_object_or_404(Segment, pk=object_id)
    if not request.user.has_perm("segments.change_segment"):
        raise PermissionDenied
    form = DrawForm(request.POST or None)
    form.fields["into"].queryset = form.fields["into"].queryset.exclude(pk=segment.pk)  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        into = form.cleaned_data["into"]
        drawn = drawing.draw(segment, into, form.cleaned_data["number"], timezone.now())
        words = ngettext(
            "%(n)d client of «%(among)s» drawn into «%(into)s»", "%(n)d clients of «%(among)s» drawn into «%(into)s»",
            len(drawn),
        ) % {"n": len(drawn), "among": segment, "into": into}  # fmt: skip
        for owner in (SegmentOwner(segment), SegmentOwner(into)):
            owner.note(request, words)
        messages.success(request, words)
        return HttpResponseRedirect(reverse("admin:segments_segment_change", args=[into.pk]))
    shown = {"title": t("Draw winners"), "form": form, "segment": segment, "opts": Segment._meta}
    return render(request, "segments/draw.html", context | shown)
