"""This room's part of `/api/v1/` (contract §3)."""

from loyalty.api.bonuses import Accruals, Holds, Refunds
from loyalty.api.clients import Clients
from loyalty.api.events import Events
from loyalty.api.levels import Levels
from loyalty.api.orders import Orders
from loyalty.api.products import Products
from loyalty.api.promo_codes import PromoCodes
from loyalty.api.referrals import Referrals
from loyalty.api.router import Router

router = Router()
router.register("bonuses/accruals", Accruals, "accrual")
router.register("bonuses/holds", Holds, "hold")
router.register("bonuses/refunds", Refunds, "refund")
router.register("clients", Clients, "client")
router.register("events", Events, "event")
router.register("levels", Levels, "level")
router.register("orders", Orders, "order")
router.register("products", Products, "product")
router.register("promo-codes", PromoCodes, "promo-code")
router.register("referrals", Referrals, "referral")
urlpatterns = router.urls
