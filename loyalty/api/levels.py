"""`levels/`: the levels of the programme, and where a client stands (contract §3, semantics §39)."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.fields import Moment, Row
from loyalty.api.lookup import row_or_404
from loyalty.api.views import Api
from loyalty.models import ClientLevel, Level


class LevelOut(Row):
    """A level; `threshold` is in what the programme measures: money, orders or bonuses."""

    class Meta:
        model = Level
        fields = ("id", "name", "threshold", "percent")


class StandingOut(serializers.Serializer):
    """Where a client stands."""

    level = LevelOut(allow_null=True)
    measure = serializers.DecimalField(20, 2, help_text="What was measured when something last changed.")
    since = Moment(allow_null=True)
    until = Moment(allow_null=True, help_text="When it may go down.")
    next = LevelOut(allow_null=True)
    left = serializers.DecimalField(20, 2, allow_null=True, help_text="How much of the measure the next one needs.")


def standing(client_id: int) -> dict[str, Any]:
    """What `StandingOut` shows; who has bought nothing yet stands on the level that begins at 0."""
    levels = list(Level.objects.order_by("threshold"))
    row = ClientLevel.objects.filter(client=client_id).first()
    measure = row.measure if row else 0
    now_on = row.level_id if row else next((level.pk for level in levels if level.threshold == 0), None)
    present = next((level for level in levels if level.pk == now_on), None)
    above = [level for level in levels if present is None or level.threshold > present.threshold]
    following = above[0] if above else None
    return {
        "level": present,
        "measure": measure,
        "since": row.since if row else None,
        "until": row.until if row else None,
        "next": following,
        "left": max(following.threshold - measure, 0) if following else None,
    }


class Levels(Api):
    """Levels of the programme."""

    resource = "levels"
    queryset = Level.objects.all()
    serializer_class = LevelOut
    lookup_value_regex = "[^/]+"

    def list(self, request: Request) -> Response:
        """Levels, newest first."""
        return self.page(self.filter_queryset(self.get_queryset()), LevelOut)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One level."""
        return Response(LevelOut(row_or_404(self.get_queryset(), pk)).data)
