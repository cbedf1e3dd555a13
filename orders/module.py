"""What orders plugs in."""

from inventory.waitlist import BoxesOffered
from marketplace.module import Module
from marketplace.payments.payments import LateMoney, MoneyCameLate, PaymentFailed, PaymentSucceeded
from orders import api, bulk_api, checkout, late_money, season_api, split_api, telling
from orders.at_till import FAST_DOORS
from orders.commands import allocate_group
from orders.invariants import INVARIANTS
from orders.jobs import JOBS

module = Module(
    name="orders",
    blueprints=(
        api.blueprint,
        bulk_api.quotes,
        bulk_api.orders,
        bulk_api.shares,
        season_api.blueprint,
        split_api.runs,
        split_api.simulations,
    ),
    fast_doors=FAST_DOORS,
    jobs=(*JOBS, *telling.JOBS),
    commands=(allocate_group,),
    subscriptions=(
        (PaymentSucceeded, checkout.on_payment_succeeded),
        (PaymentFailed, checkout.on_payment_failed),
        (MoneyCameLate, checkout.on_money_came_late),
        (LateMoney, late_money.on_late_money),
        (LateMoney, telling.on_late_money),
        (BoxesOffered, telling.on_boxes_offered),
    ),
    invariants=INVARIANTS,
)
