"""A segment as a coloured label, and what the templates of condition trees ask."""

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from segments.conditions import MenuGroup
from segments.models import Condition, Group, Segment

register = template.Library()

ICONS = {
    MenuGroup.CLIENT: "person",
    MenuGroup.PURCHASES: "shopping_bag",
    MenuGroup.BONUSES: "loyalty",
    MenuGroup.BEHAVIOUR: "touch_app",
    MenuGroup.SEGMENTS: "label",
    MenuGroup.TIME: "schedule",
}


@register.simple_tag
def segment_label(segment: Segment, link: bool = True) -> SafeString:
    """A segment as a label of its colour, leading to its page unless told otherwise."""
    if not link:
        return format_html('<span class="segment-label" style="--segment: {}">{}</span>', segment.colour, segment.name)
    return format_html(
        '<a class="segment-label" style="--segment: {}" href="{}">{}</a>',
        segment.colour,
        reverse("admin:segments_segment_change", args=[segment.pk]),
        segment.name,
    )


@register.simple_tag
def segment_dot(segment: Segment) -> SafeString:
    """A dot of the segment's colour, beside a sentence that has its name."""
    return format_html('<span class="segment-dot" style="--segment: {}" aria-hidden="true"></span>', segment.colour)


@register.filter
def is_group(condition: Condition) -> bool:
    """Whether this is a group of conditions."""
    return isinstance(condition, Group)


@register.filter
def icon(condition: Condition | type[Condition]) -> str:
    """The symbol of a type of condition: its own, else that of its heading in the menu."""
    return getattr(condition, "icon", "") or ICONS[condition.menu_group]


@register.filter
def form_url(condition: Condition) -> str:
    """The address of a condition's own form in the drawer."""
    options = type(condition)._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[condition.pk]) + "?_popup=1"
