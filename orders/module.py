"""What orders plugs in."""

from marketplace.module import Module
from marketplace.payments.payments import PaymentSucceeded
from orders import api, checkout
from orders.commands import allocate_group
from orders.invariants import INVARIANTS
from orders.jobs import JOBS

module = Module(
    name="orders",
    blueprints=(api.shopping, api.bulk_orders, api.runs),
    jobs=JOBS,
    commands=(allocate_group,),
    subscriptions=((PaymentSucceeded, checkout.on_payment_succeeded),),
    invariants=INVARIANTS,
)
