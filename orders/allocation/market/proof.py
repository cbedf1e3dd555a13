"""Proves a market's answer right, or says what is wrong with it, without trusting or calling the engine.

Per tier of orders: nobody ships more than there is, no chain of swaps could ship more, and none could serve an
earlier pack instead of a later one, on either side. The exact shares are shipped anew by another algorithm and
judged the same way; segments and cuts are then read off and must be the ones stated.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

from orders.allocation import json_form
from orders.allocation.market.proof_books import Books, totals
from orders.allocation.market.proof_stage import Stage
from orders.allocation.problem import Problem
from orders.allocation.result import (
    Allocation,
    OrderCut,
    OrderFill,
    Segment,
    SellerCut,
    Share,
)
from orders.allocation.violation import Violation, violation

_METHODS = {False: "minimum_cuts", True: "minimum_cuts_within_floor_and_ceiling"}


def violations(problem: Problem, allocation: Allocation) -> tuple[Violation, ...]:
    """All violations, none if the answer is right."""
    broken_form = tuple(_form(problem, allocation))
    if broken_form:
        return broken_form
    books = Books(problem, allocation)
    found = [*totals(books)]
    if found:
        return tuple(found)
    tiers = sorted({order.tier for order in problem.orders})
    segments: list[Segment] = []
    seller_cuts: list[SellerCut] = []
    order_cuts: list[OrderCut] = []
    stage = None
    for tier in tiers:
        stage = Stage(books, tier)
        wrong = [*stage.wrong()]
        if wrong:
            return (*found, *wrong)
        segments += stage.segments()
        seller_cuts += stage.seller_cuts()
        order_cuts += stage.order_cuts()
        books.close(stage.packs, stage.exact)
    if tuple(segments) != allocation.segments:
        found.append(violation("segments", "", "The segments stated are not those of the exact shares."))
    certificate = allocation.certificate
    if (certificate.seller_cuts, certificate.order_cuts) != (tuple(seller_cuts), tuple(order_cuts)):
        found.append(violation("certificate", "", "The cuts stated are not those of the packs shipped."))
    if (certificate.last_served, certificate.first_refused, certificate.bound) != (None, None, None):
        found.append(violation("certificate", "", "In a market the edges stand with their cuts."))
    found += _exact(books)
    if stage is not None:
        found += stage.limits()
    return (*found, *_paper(problem, allocation))


def _form(problem: Problem, allocation: Allocation) -> Iterator[Violation]:
    """Who is listed, in which order, and whether numbers are numbers; nothing else is looked at if not."""
    sellers = tuple(seller.id for seller in problem.sellers)
    orders = tuple(order.id for order in problem.orders)
    if tuple(share.id for share in allocation.sellers) != sellers:
        yield violation(
            "sellers_differ", "", "The answer does not list the problem's sellers in their order."
        )
    if tuple(fill.id for fill in allocation.orders) != orders:
        yield violation("orders_differ", "", "The answer does not list the problem's orders in their order.")
    entries: chain[Share | OrderFill] = chain(allocation.sellers, allocation.orders)
    if not all(type(entry.packs) is int for entry in entries):
        yield violation("packs_not_whole", "", "Packs are not a whole number.")
    exact: list[object] = [part.line for part in allocation.segments if part.line is not None]
    for share in allocation.sellers:
        exact += [share.exact_packs, share.level_before, share.level_after]
    if not all(isinstance(number, Fraction) for number in exact):
        yield violation("not_exact", "", "A line, level or exact share is not a Fraction.")
    known, seen = (set(sellers), set(orders)), set()
    for shipment in allocation.shipments:
        if type(shipment.packs) is not int or shipment.packs <= 0:
            yield violation(
                "shipment_not_whole", shipment.seller, "A shipment is not a whole number above zero."
            )
        if shipment.seller not in known[0] or shipment.order not in known[1]:
            yield violation("shipment_stray", shipment.seller, "A shipment names nobody in this problem.")
        if (shipment.seller, shipment.order) in seen:
            yield violation("shipment_twice", shipment.seller, "Two shipments join the same pair.")
        seen.add((shipment.seller, shipment.order))


def _exact(books: Books) -> Iterator[Violation]:
    for seller, exact in zip(books.sellers, books.exact, strict=True):
        if books.allocation.sellers[books.seller_listed[seller.id]].exact_packs != exact:
            yield violation("exact_packs", seller.id, "The exact share is not the one at its lines.")


def _paper(problem: Problem, allocation: Allocation) -> Iterator[Violation]:
    if allocation.method != _METHODS[problem.policy.strict]:
        yield violation("method", "", "The method named is not the one that answers this problem.")
    if allocation.gap != 0:
        yield violation("gap", "", "An exact answer has no gap.")
    given = {share.id: share.packs for share in allocation.sellers}
    received = {fill.id: fill.packs for fill in allocation.orders}
    if allocation.digest != json_form.digest_of(problem, given, received):
        yield violation("digest", "", "The digest does not belong to this problem and these packs.")
