"""Forms of the steps that say something."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from messaging.admin.fields import MessageForm
from scenarios.admin.steps import StepAdmin
from scenarios.models import SendMessage


@admin.register(SendMessage)
class SendMessageAdmin(StepAdmin):
    form = MessageForm
    fieldsets = ((None, {"fields": (("channel", "topic"), "subject", "body")}),)
    # A reader's form has no such fields.
    conditional_fields = {"subject": "typeof channel === 'undefined' || channel === 'email'"}

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"channel": "email"} | super().get_changeform_initial_data(request)
