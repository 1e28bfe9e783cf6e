"""Forms of the steps that lead a run: waits and forks."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from scenarios.admin.steps import StepAdmin
from scenarios.models import Fork, Wait


@admin.register(Wait)
class WaitAdmin(StepAdmin):
    fieldsets = ((None, {"fields": (("amount", "unit"),)}),)


@admin.register(Fork)
class ForkAdmin(StepAdmin):
    fieldsets = (
        (
            None,
            {
                "fields": ("label",),
                "description": _(
                    "A client goes into the first branch whose conditions hold, else into “Otherwise”."
                    " The conditions are set in the header of each branch on the map."
                ),
            },
        ),
    )
