"""Answers as a forger would write them: other packs, and every number that is easily recomputed put right."""

from dataclasses import replace
from fractions import Fraction

from orders.allocation import Shipment, json_form


def move_packs(problem, allocation, packs):
    """The answer with these packs instead; lines, limits, method and proof stay as they were."""
    shares = tuple(
        replace(
            share,
            packs=count,
            level_after=Fraction(seller.history_grams + count * seller.pack_grams, seller.weight),
        )
        for seller, share, count in zip(problem.sellers, allocation.sellers, packs, strict=True)
    )
    order, total = problem.orders[0], sum(packs)
    size = min(seller.pack_grams for seller in problem.sellers)
    grams = sum(n * seller.pack_grams for n, seller in zip(packs, problem.sellers, strict=True))
    demand = order.packs * size if order.grams is None else order.grams
    weight = demand // size if problem.policy.buyers == "fill_rate" else 1
    fill = replace(
        allocation.orders[0],
        packs=total,
        unfilled_packs=(demand - grams) // size,
        unfilled_grams=None if order.grams is None else order.grams - grams,
        level_after=Fraction(total + order.received_packs, weight) if weight else None,
    )
    return replace(
        allocation,
        sellers=shares,
        shipments=tuple(
            Shipment(seller=share.id, order=order.id, packs=share.packs) for share in shares if share.packs
        ),
        orders=(fill,),
        unfilled_packs=fill.unfilled_packs,
        digest=json_form.digest_of(problem, {s.id: s.packs for s in shares}, {order.id: total}),
    )
