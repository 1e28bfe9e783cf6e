"""Promo codes that are about to end unused (T37)."""

from collections.abc import Collection
from datetime import datetime, time, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as t
from django.utils.translation import gettext_lazy as _

from loyalty.models import PromoPool
from loyalty.services import programme
from scenarios.durations import Unit, in_words
from scenarios.triggers.base import Due, Trigger
from scenarios.triggers.days import HOME, ZONE, bounds, days_due


class PromoExpiryTrigger(Trigger):
    """Starts n days before the end of a client's promo code that the client has not used.

    Codes that end on one day are one entry of a client, named after the first: `promo:77:-2d`.
    """

    icon = "confirmation_number"
    tells = ("code", "pool", "date", "codes")
    timed = True
    backfills = True

    pool = models.ForeignKey(
        PromoPool,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("pool"),
        help_text=_("Empty: codes of any pool."),
    )
    days = models.PositiveIntegerField(
        _("days before the end"), default=2, validators=[MinValueValidator(1), MaxValueValidator(3660)]
    )
    at = models.TimeField(_("at"), default=time(10), help_text=_("By the client's clock."))

    class Meta:
        verbose_name = _("promo code ends")
        verbose_name_plural = _("ends of promo codes")

    def sentence(self) -> str:
        words = {"days": in_words(self.days, Unit.DAYS), "time": f"{self.at:%H:%M}"}
        if self.pool is None:
            return t("%(days)s before an unused promo code ends, at %(time)s of the client's clock") % words
        sentence = t("%(days)s before an unused promo code of «%(pool)s» ends, at %(time)s of the client's clock")
        return sentence % (words | {"pool": self.pool.name})

    def matching_now(self, now: datetime, zones: Collection[str]) -> list[Due]:
        """Whose codes end in so many days at most."""
        return self.due(now - timedelta(days=self.days), now, zones)

    def due(self, since: datetime, until: datetime, zones: Collection[str]) -> list[Due]:
        zone, parts = programme.zone().key, []
        for day, names in days_due(self.at, zones, since, until).items():
            ends_on = day + timedelta(days=self.days)
            starts, ends = bounds(ends_on, zone)
            values = {
                "starts": starts, "ends": ends, "names": names, "zone": zone, "date": ends_on.isoformat(),
                "suffix": f":-{self.days}d", "pool": self.pool_id,
            }  # fmt: skip
            parts.append(Due(day.isoformat(), _CODES, values))
        return parts


_CODES = f"""
SELECT i.client_id, 'promo:' || min(i.id) || %(suffix)s AS occurrence,
       jsonb_build_object('entry', jsonb_build_object(
         'code', (array_agg(k.code ORDER BY i.id))[1], 'pool', (array_agg(p.name ORDER BY i.id))[1],
         'date', %(date)s::text, 'codes', jsonb_agg(k.code ORDER BY i.id))) AS context
FROM loyalty_promoissue i
JOIN loyalty_promocode k ON k.id = i.code_id JOIN loyalty_promopool p ON p.id = i.pool_id
JOIN loyalty_client c ON c.id = i.client_id {HOME}
WHERE i.expires_at >= %(starts)s AND i.expires_at < %(ends)s
  AND (%(pool)s::bigint IS NULL OR i.pool_id = %(pool)s) AND p.active AND NOT k.blocked
  AND (k.max_uses IS NULL OR k.uses < k.max_uses)
  AND NOT EXISTS (SELECT 1 FROM loyalty_promoredemption u
                  WHERE u.client_id = i.client_id AND u.pool_id = i.pool_id AND u.code_id = k.id
                    AND u.cancelled_at IS NULL)
  AND c.merged_into_id IS NULL AND {ZONE} = ANY(%(names)s)
GROUP BY i.client_id"""  # noqa: S608 (fixed texts)
