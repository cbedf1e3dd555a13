"""What orders plugs in."""

from inventory.waitlist import BoxesOffered
from marketplace.module import Module
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import (
    LateMoney,
    MoneyCameLate,
    PaymentFailed,
    PaymentSucceeded,
)
from orders import api, balances, bulk_api, checkout, late_money, notifying, season_api, split_api
from orders.at_till import FAST_DOORS
from orders.commands import allocate_group
from orders.events import OrderMoved
from orders.invariants import INVARIANTS
from orders.jobs import JOBS
from orders.telling import SUBSCRIPTIONS as TELLING

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
    jobs=(*JOBS, *notifying.JOBS),
    commands=(allocate_group,),
    subscriptions=(
        (PaymentSucceeded, checkout.on_payment_succeeded),
        (PaymentFailed, checkout.on_payment_failed),
        (MoneyCameLate, balances.on_money_came_late),
        (LateMoney, late_money.on_late_money),
        (RefundsOwed, late_money.on_refunds_owed),
        (LateMoney, notifying.on_late_money),
        (RefundsOwed, notifying.on_refunds_owed),
        (BoxesOffered, notifying.on_boxes_offered),
        (OrderMoved, notifying.on_order_moved),
        (balances.BalanceReminderDue, notifying.on_balance_reminder),
        *TELLING,
    ),
    invariants=INVARIANTS,
)
