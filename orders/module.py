"""What orders plugs in."""

from inventory.waitlist import BoxesOffered
from marketplace.module import Module
from marketplace.payments.online import MoneyDiffers
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import (
    LateMoney,
    MoneyCameLate,
    PaymentFailed,
    PaymentSucceeded,
)
from marketplace.payments.provider_events import PaymentDisputed
from marketplace.payments.repayments import RefundFailed, RefundPaid
from marketplace.payments.saved.events import ChargeDeclined, SavingAsked
from marketplace.payouts.events import PayoutMoved
from orders import (
    api,
    balances,
    bulk_api,
    charging,
    checkout,
    consents_api,
    late_money,
    notifying,
    season_api,
    split_api,
)
from orders.at_till import FAST_DOORS
from orders.books import booking
from orders.books.commands import COMMANDS as BOOKS_COMMANDS
from orders.books.invariants import INVARIANTS as BOOKS_INVARIANTS
from orders.claims import api as claims_api
from orders.claims import replacing, weighing
from orders.claims.invariants import INVARIANTS as CLAIM_INVARIANTS
from orders.commands import allocate_group
from orders.events import (
    BoxesGivenBack,
    EscrowReleased,
    OrderMoved,
    OrdersCut,
    OrdersMoved,
    ParcelShipped,
    ReplacementDelivered,
    SettlementsMoved,
    ShareMoved,
    ShipmentVoided,
    SponsorshipMoved,
)
from orders.fulfilment import api as parcels_api
from orders.fulfilment import pick_api, reach_api
from orders.fulfilment.carriers import api as carriers_api
from orders.fulfilment.carriers.invariants import INVARIANTS as CARRIER_INVARIANTS
from orders.fulfilment.hand_overs import api as hand_overs_api
from orders.fulfilment.hand_overs.invariants import INVARIANTS as HAND_OVER_INVARIANTS
from orders.fulfilment.invariants import INVARIANTS as FULFILMENT_INVARIANTS
from orders.fulfilment.pallets import api as pallets_api
from orders.fulfilment.pallets.invariants import INVARIANTS as PALLET_INVARIANTS
from orders.invariants import INVARIANTS
from orders.jobs import JOBS
from orders.settlements import advance_payouts, paying
from orders.settlements import api as settlements_api
from orders.settlements import telling as settlements_telling
from orders.settlements.advance_invariants import INVARIANTS as ADVANCE_INVARIANTS
from orders.settlements.commands import settle_group
from orders.settlements.invariants import INVARIANTS as SETTLEMENT_INVARIANTS
from orders.settlements.jobs import JOBS as SETTLEMENT_JOBS
from orders.settlements.storage import api as storage_api
from orders.settlements.storage.invariants import INVARIANTS as STORAGE_INVARIANTS
from orders.sponsoring import allocating, drawing, draws_api, escrow, tranching
from orders.sponsoring import api as sponsoring_api
from orders.sponsoring import notifying as sponsor_notifying
from orders.sponsoring.invariants import INVARIANTS as SPONSORING_INVARIANTS
from orders.sponsoring.jobs import JOBS as SPONSORING_JOBS
from orders.telling import SUBSCRIPTIONS as TELLING
from orders.work import api as work_api
from orders.work import workers_api
from orders.work.invariants import INVARIANTS as WORK_INVARIANTS

module = Module(
    name="orders",
    blueprints=(
        api.blueprint,
        consents_api.blueprint,
        bulk_api.quotes,
        bulk_api.orders,
        bulk_api.shares,
        season_api.blueprint,
        split_api.runs,
        split_api.simulations,
        parcels_api.blueprint,
        reach_api.blueprint,
        pick_api.blueprint,
        parcels_api.of_orders,
        *claims_api.BLUEPRINTS,
        pallets_api.blueprint,
        pallets_api.of_cooperatives,
        hand_overs_api.blueprint,
        carriers_api.blueprint,
        carriers_api.files,
        carriers_api.reports,
        settlements_api.blueprint,
        storage_api.blueprint,
        storage_api.parts,
        sponsoring_api.blueprint,
        sponsoring_api.shares,
        sponsoring_api.payables,
        *draws_api.BLUEPRINTS,
        work_api.blueprint,
        work_api.of_waves,
        workers_api.blueprint,
        workers_api.of_cooperatives,
        workers_api.of_counties,
    ),
    fast_doors=FAST_DOORS,
    jobs=(
        *JOBS,
        *charging.JOBS,
        *notifying.JOBS,
        *SPONSORING_JOBS,
        *sponsor_notifying.JOBS,
        *SETTLEMENT_JOBS,
    ),
    commands=(allocate_group, settle_group, *BOOKS_COMMANDS),
    subscriptions=(
        (PaymentSucceeded, checkout.on_payment_succeeded),
        (PaymentFailed, checkout.on_payment_failed),
        (MoneyCameLate, balances.on_money_came_late),
        (LateMoney, late_money.on_late_money),
        (RefundsOwed, late_money.on_refunds_owed),
        (RefundPaid, late_money.on_refund_paid),
        (RefundFailed, late_money.on_refund_failed),
        (MoneyDiffers, late_money.on_money_differs),
        (PaymentDisputed, late_money.on_payment_disputed),
        (PaymentDisputed, booking.on_payment_disputed),
        (RefundPaid, notifying.on_refund_paid),
        (LateMoney, notifying.on_late_money),
        (RefundsOwed, notifying.on_refunds_owed),
        (BoxesOffered, notifying.on_boxes_offered),
        (OrderMoved, notifying.on_order_moved),
        (OrdersMoved, notifying.on_orders_moved),
        (OrdersMoved, charging.on_orders_moved),
        (SavingAsked, charging.on_saving_asked),
        (ChargeDeclined, charging.on_charge_declined),
        (ShareMoved, notifying.on_share_moved),
        (ParcelShipped, notifying.on_parcel_shipped),
        (ParcelShipped, weighing.on_parcel_shipped),
        (ShipmentVoided, notifying.on_shipment_voided),
        (ReplacementDelivered, replacing.on_replacement_delivered),
        (balances.BalanceReminderDue, notifying.on_balance_reminder),
        (PaymentSucceeded, escrow.on_payment_succeeded),
        (MoneyCameLate, escrow.on_money_came_late),
        (OrderMoved, allocating.on_order_moved),
        (OrderMoved, drawing.on_order_moved),
        (OrderMoved, sponsor_notifying.on_order_moved),
        (SponsorshipMoved, sponsor_notifying.on_moved),
        (EscrowReleased, sponsor_notifying.on_released),
        (ShareMoved, tranching.on_share_moved),
        (BoxesGivenBack, tranching.on_boxes_given_back),
        (PaymentSucceeded, booking.on_payment_succeeded),
        (LateMoney, booking.on_late_money),
        (RefundsOwed, booking.on_refunds_owed),
        (RefundPaid, booking.on_refund_paid),
        (RefundFailed, booking.on_refund_failed),
        (OrderMoved, booking.on_order_moved),
        (OrdersMoved, booking.on_orders_moved),
        (OrdersCut, booking.on_orders_cut),
        (SettlementsMoved, settlements_telling.on_settlements_moved),
        (PayoutMoved, paying.on_payout_moved),
        (PayoutMoved, advance_payouts.on_payout_moved),
        (SettlementsMoved, advance_payouts.on_settlements_moved),
        *TELLING,
    ),
    invariants=(
        *INVARIANTS,
        *FULFILMENT_INVARIANTS,
        *CLAIM_INVARIANTS,
        *PALLET_INVARIANTS,
        *HAND_OVER_INVARIANTS,
        *CARRIER_INVARIANTS,
        *SPONSORING_INVARIANTS,
        *SETTLEMENT_INVARIANTS,
        *BOOKS_INVARIANTS,
        *ADVANCE_INVARIANTS,
        *STORAGE_INVARIANTS,
        *WORK_INVARIANTS,
    ),
)
