"""Forms in which clients tell about themselves."""

from django import forms
from django.contrib import admin
from unfold.admin import ModelAdmin, StackedInline
from unfold.widgets import UnfoldAdminTextareaWidget

from loyalty.models import ProfileForm, ProfileQuestion


class ProfileQuestionForm(forms.ModelForm):
    """What is asked for; the fields of our own are offered while typing."""

    class Meta:
        widgets = {"options": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


class ProfileQuestionInline(StackedInline):
    """The questions, in order."""

    model = ProfileQuestion
    form = ProfileQuestionForm
    fields = ("words", ("attribute", "kind"), "options", ("position", "required"))
    ordering = ("position", "pk")
    extra = 0
    min_num = 1


class ProfileFormForm(forms.ModelForm):
    """What is said around the questions."""

    class Meta:
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("intro", "thanks")}


@admin.register(ProfileForm)
class ProfileFormAdmin(ModelAdmin):
    """Profile forms."""

    form = ProfileFormForm
    list_display = ("name", "title", "active")
    list_filter = ("active",)
    search_fields = ("name", "slug", "title")
    fields = ("name", "slug", "title", "intro", "thanks", "active")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (ProfileQuestionInline,)
