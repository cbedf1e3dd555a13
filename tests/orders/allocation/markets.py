"""Random markets, and slow ways to their answers that share nothing with the engine."""

import itertools
from fractions import Fraction

from hypothesis import strategies as st

from orders.allocation import Link, Order, Policy, Problem, ties
from tests.orders.allocation.cases import a_seller, policies


@st.composite
def markets(draw, *, sellers_max=5, orders_max=5, packs_max=6, one_tier=False, **fixed):
    """Few and small; weights, histories and caps that make ties, full links and full orders likely."""
    pack = draw(st.sampled_from([1, 2, 5_000]))
    weight_max = draw(st.sampled_from([1, 3, 50, 10**9]))
    history_max = draw(st.sampled_from([0, 3 * pack, 40 * pack]))
    tiers = st.just(0) if one_tier else st.sampled_from([0, 0, 0, 1, 2])
    sellers = [
        a_seller(
            f"s{index}",
            draw(st.integers(1, weight_max)),
            draw(st.integers(0, history_max)),
            draw(st.integers(0, packs_max)),
            pack,
            tie=draw(st.sampled_from([None, None, 1, 2])),
            household_cap_packs=draw(st.sampled_from([None, None, None, 0, 2])),
            tier=draw(tiers),
        )
        for index in range(draw(st.integers(0, sellers_max)))
    ]
    orders = [
        Order(
            id=f"o{index}",
            packs=draw(st.integers(0, packs_max)),
            weight=draw(st.sampled_from([None, None, None, 1, 3])),
            received_packs=draw(st.sampled_from([0, 0, 0, 1, 5])),
            tie=draw(st.sampled_from([None, None, 1, 2])),
            tier=draw(tiers),
        )
        for index in range(draw(st.integers(1, orders_max)))
    ]
    links = None
    if draw(st.integers(0, 9)):
        density = draw(st.integers(1, 10))
        links = tuple(
            Link(seller=seller.id, order=order.id, cap_packs=draw(st.sampled_from([None, None, 0, 1, 2, 3])))
            for seller, order in itertools.product(sellers, orders)
            if draw(st.integers(1, 10)) <= density
        )
    policy = Policy(**draw(policies(**fixed)), buyers=draw(st.sampled_from(["fill_rate", "equal_awards"])))
    return Problem(sellers=tuple(sellers), orders=tuple(orders), links=links, policy=policy)


def key(rule, start, step, weight, number):
    """Place of pack `number` of somebody who starts at `start` / `weight`."""
    before = (start + (number - 1) * step) / Fraction(weight)
    after = (start + number * step) / Fraction(weight)
    return {
        "nearest": ((before + after) / 2, 0),
        "lowest": (before, -after),
        "lowest_after": (after, -before),
    }[rule]


def stock_of(seller):
    if seller.household_cap_packs is None:
        return seller.cap_packs
    season = seller.household_cap_packs * seller.weight * seller.pack_grams
    return min(seller.cap_packs, max(0, (season - seller.history_grams) // seller.pack_grams))


def counted_histories(problem):
    bound = problem.policy.catch_up_grams_per_weight
    levels = sorted(Fraction(s.history_grams, s.weight) for s in problem.sellers)
    if bound is None or not levels:
        return {s.id: Fraction(s.history_grams) for s in problem.sellers}
    median = (levels[(len(levels) - 1) // 2] + levels[len(levels) // 2]) / 2
    return {s.id: max(Fraction(s.history_grams), (median - bound) * s.weight) for s in problem.sellers}


def arcs_of(problem):
    if problem.links is None:
        return {(s.id, o.id): 10**9 for s in problem.sellers for o in problem.orders}
    return {(it.seller, it.order): 10**9 if it.cap_packs is None else it.cap_packs for it in problem.links}


class SlowFlow:
    """Packs already shipped, and one more at a time along any chain of swaps, found by search."""

    def __init__(self, arcs, seller_caps, order_caps):
        self.arcs, self.seller_caps, self.order_caps = arcs, seller_caps, order_caps
        self.flow = dict.fromkeys(arcs, 0)
        self.sent = dict.fromkeys(seller_caps, 0)
        self.got = dict.fromkeys(order_caps, 0)

    def can_send(self, seller):
        """Ships one more pack of the seller if some chain of swaps allows it, keeping everybody's total."""
        if self.sent[seller] == self.seller_caps[seller]:
            return False
        return self._augment([("s", seller)], lambda node: node[0] == "o" and self._has_room(node[1]))

    def can_get(self, order):
        """The same from the other end."""
        if self.got[order] == self.order_caps[order]:
            return False
        return self._augment(
            [("s", s) for s in self.sent if self.sent[s] < self.seller_caps[s]],
            lambda node: node == ("o", order),
        )

    def _has_room(self, order):
        return self.got[order] < self.order_caps[order]

    def _augment(self, starts, is_end):
        came = dict.fromkeys(starts)
        todo = list(starts)
        for node in todo:
            if is_end(node):
                self._push(node, came)
                return True
            for step in self._steps(node):
                if step not in came:
                    came[step] = node
                    todo.append(step)
        return False

    def _steps(self, node):
        kind, name = node
        for (seller, order), cap in self.arcs.items():
            if kind == "s" and seller == name and self.flow[seller, order] < cap:
                yield ("o", order)
            if kind == "o" and order == name and self.flow[seller, order] > 0:
                yield ("s", seller)

    def _push(self, node, came):
        self.got[node[1]] += 1
        while came[node] is not None:
            before = came[node]
            if node[0] == "o":
                self.flow[before[1], node[1]] += 1
            else:
                self.flow[node[1], before[1]] -= 1
            node = before
        self.sent[node[1]] += 1


def greedy_totals(problem):
    """Seller and order totals by the definition: smallest key first, as long as a flow ships it."""
    rule = problem.policy.rule
    arcs = arcs_of(problem)
    histories = counted_histories(problem)
    sold = {seller.id: 0 for seller in problem.sellers}
    received = {order.id: 0 for order in problem.orders}
    for tier in sorted({order.tier for order in problem.orders}):
        orders = {order.id: order for order in problem.orders if order.tier == tier}
        here = {pair: cap for pair, cap in arcs.items() if pair[1] in orders}
        stock = {seller.id: stock_of(seller) - sold[seller.id] for seller in problem.sellers}
        wants = {order.id: order.packs for order in orders.values()}
        queue = sorted(
            (
                seller.tier,
                key(rule, histories[seller.id], seller.pack_grams, seller.weight, sold[seller.id] + number),
                ties.rank_of(problem, seller),
            )
            for seller in problem.sellers
            for number in range(1, stock[seller.id] + 1)
        )
        flow = SlowFlow(here, stock, wants)
        for *_, rank in queue:
            flow.can_send(rank[2])
        weights = {
            order.id: order.weight or (order.packs if problem.policy.buyers == "fill_rate" else 1)
            for order in orders.values()
        }
        queue = sorted(
            (key(rule, order.received_packs, 1, weights[order.id], number), ties.rank_of(problem, order))
            for order in orders.values()
            for number in range(1, order.packs + 1)
        )
        other = SlowFlow(here, stock, wants)
        for *_, rank in queue:
            other.can_get(rank[2])
        for name, packs in flow.sent.items():
            sold[name] += packs
        received.update(other.got)
    return sold, received
