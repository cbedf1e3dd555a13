"""The fair split: who gets to sell how many packs, and the proof of it.

Usable alone: standard library only, integers and Fractions, no clock and no I/O.
"""

from orders.allocation.dispatch import allocate
from orders.allocation.explain import Explanation, explain
from orders.allocation.problem import Link, Order, Policy, Problem, Seller
from orders.allocation.refusal import Fault, ProblemRefused
from orders.allocation.report import FairnessReport, Spread, report
from orders.allocation.result import Allocation, Certificate, Mark, OrderFill, Segment, Share, Shipment
from orders.allocation.verify import Violation, verify

__all__ = [
    "Allocation",
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
