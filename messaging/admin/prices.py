"""What sending costs."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from messaging.models import ChannelPrice


@admin.register(ChannelPrice)
class ChannelPriceAdmin(ModelAdmin):
    """Prices of channels."""

    list_display = ("channel", "price")
    ordering = ("channel",)
