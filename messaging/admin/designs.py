"""Designs of e-mails: a list with pictures, and the choice of one in the form of a message."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from messaging.admin.palette import PaletteInput, PaletteTextarea
from messaging.models import Channel, ChannelContent, Design
from messaging.services import designs, wordings
from messaging.services.render import MAX_SOURCE


class DesignForm(forms.ModelForm):
    """A design that could be sent: its texts are checked as those of a message are."""

    class Meta:
        model = Design
        fields = ("name", "subject", "body")
        widgets = {"subject": PaletteInput, "body": PaletteTextarea(attrs={"rows": 20, "maxlength": MAX_SOURCE})}

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        content = ChannelContent(Channel.EMAIL, said.get("subject", ""), "", said.get("body", ""))
        for field, words in wordings.wrong(content).items():
            self.add_error("body" if field == "html" else field, words)
        return said


@admin.register(Design)
class DesignAdmin(ModelAdmin):
    """What staff have kept; ready designs are offered beside them."""

    form = DesignForm
    list_display = ("name", "subject", "changed_at")
    search_fields = ("name", "subject")
    fields = ("name", "subject", "body", "look")
    readonly_fields = ("look",)

    @display(description=_("preview"))
    def look(self, design: Design) -> SafeString | str:
        shown = designs.thumbnail(design.body, timezone.now()) if design.pk else ""
        if not shown:
            return "—"
        return format_html(
            '<iframe sandbox="" srcdoc="{}" title="{}" class="design-look"></iframe>', shown, design.name
        )

    class Media:
        css = {"all": ("messaging/palette.css",)}


@require_GET
def picker_view(request: HttpRequest) -> HttpResponse:
    """The designs to choose from, with pictures: a piece of the message's form."""
    return render(request, "messaging/designs.html", {"designs": designs.offered(timezone.now())})


@require_POST
def keep_view(request: HttpRequest) -> HttpResponse:
    """Keeps `name`, `subject`, `body` as a design; of a name that is there already, changes it. Answers in words."""
    known = Design.objects.filter(name=request.POST.get("name", "").strip()).first()
    form = DesignForm(request.POST, instance=known)
    if not form.is_valid():
        words = [str(word) for found in form.errors.values() for word in found]
        return HttpResponse("\n".join(words), status=400, content_type="text/plain; charset=utf-8")
    form.save()
    return HttpResponse(t("The design is kept."), content_type="text/plain; charset=utf-8")
