"""The door `allocate`: refuses what no engine answers yet, asks the engine, writes the answer down."""

from collections.abc import Iterator
from fractions import Fraction

from orders.allocation import engines, json_form, one_order, single, ties
from orders.allocation.engines import columns
from orders.allocation.market import book
from orders.allocation.measures import basin_of, demand_packs, is_market
from orders.allocation.problem import Order, Problem
from orders.allocation.refusal import Fault, ProblemRefused
from orders.allocation.result import (
    Allocation,
    Certificate,
    Limit,
    Mark,
    OrderFill,
    Segment,
    Share,
    Shipment,
)

METHOD_THRESHOLD = "common_threshold"
METHOD_STRICT = "common_threshold_within_floor_and_ceiling"


def allocate(problem: Problem, engine: str = engines.DEFAULT) -> Allocation:
    """Divides the orders over the sellers. Raises ProblemRefused, code `unsupported`, rather than guess.

    `engine` finds the flows of a market; any of them gives the same totals.
    """
    max_flow = engines.named(engine)
    refuse_unsupported(problem)
    if not problem.orders:
        return _nothing_ordered(problem)
    if is_market(problem):
        return book.answer(problem, max_flow)
    if one_order.is_answered_here(problem):
        return one_order.answer(problem)
    order = problem.orders[0]
    demand = demand_packs(order, problem.sellers)
    scale, basin = basin_of(problem)
    filling = columns.fill(basin, demand, lambda index: ties.rank_of(problem, problem.sellers[index]))
    return _written_down(problem, order, demand, scale, basin, filling)


def refuse_unsupported(problem: Problem) -> None:
    """Raises ProblemRefused naming every part of the problem that this version cannot answer rightly."""
    faults = tuple(_unsupported(problem))
    if faults:
        raise ProblemRefused(faults)


def _unsupported(problem: Problem) -> Iterator[Fault]:
    if one_order.is_answered_here(problem) and _has_more_than_one_plain_order(problem):
        yield from _faults_of_special_orders(problem)


def _has_more_than_one_plain_order(problem: Problem) -> bool:
    return (
        len(problem.orders) > 1
        or problem.links is not None
        or problem.policy.strict
        or len({seller.tier for seller in problem.sellers}) > 1
    )


def _faults_of_special_orders(problem: Problem) -> Iterator[Fault]:
    """Lots, split limits and several pack sizes are for one order, without links, tiers or `strict`."""
    others, others_zh = (
        "with several orders, links, tiers or strict",
        "与多订单、限定关系、分级或严格模式并用",
    )
    for index, order in enumerate(problem.orders):
        if order.max_sellers is not None and order.max_sellers < len(problem.sellers):
            at, what = f"/orders/{index}/max_sellers", f"a limit on sellers {others}"
            yield Fault.of(at, "unsupported", what=what, what_zh=f"限制合作社数目{others_zh}")
    pack = problem.sellers[0].pack_grams
    for index, seller in enumerate(problem.sellers):
        if seller.min_packs > 1:
            at, what = f"/sellers/{index}/min_packs", f"a minimum lot {others}"
            yield Fault.of(at, "unsupported", what=what, what_zh=f"最低箱数{others_zh}")
        if seller.pack_grams != pack:
            at, what = f"/sellers/{index}/pack_grams", f"packs of several sizes {others}"
            yield Fault.of(at, "unsupported", what=what, what_zh=f"多种箱规{others_zh}")


def _written_down(
    problem: Problem, order: Order, demand: int, scale: int, basin: single.Basin, filling: single.Filling
) -> Allocation:
    sellers, packs = problem.sellers, filling.packs
    served = sum(packs)
    line = Fraction(filling.line[0], filling.line[1] * scale) if filling.line else None
    limits = _limits(problem, basin, filling, demand, served)
    shares = tuple(
        Share(
            id=seller.id,
            packs=n,
            exact_packs=exact,
            level_before=Fraction(seller.history_grams, seller.weight),
            level_after=Fraction(seller.history_grams + n * seller.pack_grams, seller.weight),
            limited_by=limit,
        )
        for seller, n, exact, limit in zip(sellers, packs, _exact_shares(basin, filling), limits, strict=True)
    )
    fill = _order_fill(problem, order, demand, served)
    return Allocation(
        shipments=tuple(
            Shipment(seller=seller.id, order=order.id, packs=n)
            for seller, n in zip(sellers, packs, strict=True)
            if n
        ),
        sellers=shares,
        orders=(fill,),
        segments=(Segment(line=line, sellers=tuple(seller.id for seller in sellers), orders=(order.id,)),),
        certificate=Certificate(
            last_served=_mark(problem, basin, scale, filling, filling.last_served, 0),
            first_refused=_mark(problem, basin, scale, filling, filling.first_refused, 1),
        ),
        method=METHOD_STRICT if problem.policy.strict else METHOD_THRESHOLD,
        gap=Fraction(0),
        unfilled_packs=fill.unfilled_packs,
        digest=json_form.digest_of(
            problem, {s.id: n for s, n in zip(sellers, packs, strict=True)}, {order.id: served}
        ),
    )


def _nothing_ordered(problem: Problem) -> Allocation:
    levels = [Fraction(seller.history_grams, seller.weight) for seller in problem.sellers]
    return Allocation(
        shipments=(),
        sellers=tuple(
            Share(
                id=seller.id,
                packs=0,
                exact_packs=Fraction(0),
                level_before=level,
                level_after=level,
                limited_by="demand",
            )
            for seller, level in zip(problem.sellers, levels, strict=True)
        ),
        orders=(),
        segments=(),
        certificate=Certificate(last_served=None, first_refused=None),
        method=METHOD_STRICT if problem.policy.strict else METHOD_THRESHOLD,
        gap=Fraction(0),
        unfilled_packs=0,
        digest=json_form.digest_of(problem, {seller.id: 0 for seller in problem.sellers}, {}),
    )


def _exact_shares(basin: single.Basin, filling: single.Filling) -> list[Fraction]:
    if filling.line is None:
        return [Fraction(0)] * len(filling.packs)
    top, bottom = filling.line
    step = basin.pack * bottom
    shares = []
    for weight, history, cap in zip(basin.weights, basin.histories, basin.caps, strict=True):
        room = max(0, min(top * weight - history * bottom, cap * step))
        shares.append(Fraction(room, step))
    return shares


def _limits(
    problem: Problem, basin: single.Basin, filling: single.Filling, demand: int, served: int
) -> list[Limit]:
    if demand == 0:
        return ["demand"] * len(filling.packs)
    limits: list[Limit] = []
    for index, (seller, n) in enumerate(zip(problem.sellers, filling.packs, strict=True)):
        cap = basin.caps[index]
        if n == cap and _would_sell_one_more(problem, basin, filling, index, demand > served):
            limits.append("household_cap" if cap < seller.cap_packs else "stock")
        elif n == 0 and _is_above_the_line(basin, filling, index):
            limits.append("history")
        else:
            limits.append("nothing")
    return limits


def _would_sell_one_more(
    problem: Problem, basin: single.Basin, filling: single.Filling, index: int, has_unfilled: bool
) -> bool:
    """Whether a seller that gave everything would have been asked for one more pack, had it had one."""
    if has_unfilled or filling.line is None:
        return has_unfilled
    if basin.strict:
        top, bottom = filling.line
        room = top * basin.weights[index] - basin.histories[index] * bottom
        return room > basin.caps[index] * basin.pack * bottom
    if filling.last_served is None:
        return False
    mine = _place(basin, index, filling.packs[index] + 1)
    last = _place(basin, filling.last_served, filling.packs[filling.last_served])
    if mine != last:
        return mine < last
    sellers = problem.sellers
    return ties.rank_of(problem, sellers[index]) < ties.rank_of(problem, sellers[filling.last_served])


def _place(basin: single.Basin, index: int, pack_number: int) -> tuple[int, int]:
    top = basin.histories[index] + basin.offset + pack_number * basin.pack
    return (top << basin.shift) // basin.weights[index], basin.seconds[index]


def _is_above_the_line(basin: single.Basin, filling: single.Filling, index: int) -> bool:
    if filling.line is None:
        return False
    top, bottom = filling.line
    return basin.histories[index] * bottom >= top * basin.weights[index]


def _mark(
    problem: Problem, basin: single.Basin, scale: int, filling: single.Filling, index: int | None, ahead: int
) -> Mark | None:
    if index is None:
        return None
    number = filling.packs[index] + ahead
    weight = basin.weights[index] * scale
    after = Fraction(basin.histories[index] + number * basin.pack, weight)
    before = Fraction(basin.histories[index] + (number - 1) * basin.pack, weight)
    other_level = {"nearest": None, "lowest": after, "lowest_after": before}[problem.policy.rule]
    return Mark(
        seller=problem.sellers[index].id,
        pack=number,
        key=Fraction(basin.histories[index] + basin.offset + number * basin.pack, weight),
        second=other_level,
    )


def _order_fill(problem: Problem, order: Order, demand: int, served: int) -> OrderFill:
    weight = order.weight
    if weight is None:
        weight = demand if problem.policy.buyers == "fill_rate" else 1
    unfilled_grams = None
    if order.grams is not None:
        unfilled_grams = order.grams - (served * problem.sellers[0].pack_grams if problem.sellers else 0)
    return OrderFill(
        id=order.id,
        packs=served,
        unfilled_packs=demand - served,
        unfilled_grams=unfilled_grams,
        level_before=Fraction(order.received_packs, weight) if weight else None,
        level_after=Fraction(order.received_packs + served, weight) if weight else None,
    )
