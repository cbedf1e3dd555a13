"""The fair split: who gets to sell how many packs, and the proof of it.

Usable alone: standard library only, integers and Fractions, no clock and no I/O.
"""

from orders.allocation.dispatch import allocate
from orders.allocation.explain import Explanation, explain
from orders.allocation.problem import Link, Order, Policy, Problem, Seller
from orders.allocation.refusal import Fault, ProblemRefused
from orders.allocation.report import FairnessReport, Spread, report
from orders.allocation.result import Allocation, Bound, Certificate, Mark, OrderFill, Segment, Share, Shipment
from orders.allocation.verify import verify
from orders.allocation.violation import Violation

__all__ = [
    "Allocation",
    "Bound",
    "Certificate",
    "Explanation",
    "FairnessReport",
    "Fault",
    "Link",
    "Mark",
    "Order",
    "OrderFill",
    "Policy",
    "Problem",
    "ProblemRefused",
    "Segment",
    "Seller",
    "Share",
    "Shipment",
    "Spread",
    "Violation",
    "allocate",
    "explain",
    "report",
    "verify",
]
