"""Laws of granting: never more than is there, whole or not at all, and who is refused changes nothing."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import grant_rules, hold_policy
from inventory.grant_rules import (
    RECENT,
    SECOND_THOUGHT,
    Ask,
    BuyerFacts,
    Cause,
    Decision,
    Line,
    LiveHold,
    OwnHold,
    PoolFacts,
    Refused,
    Tallies,
)
from inventory.states import HoldState

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POOL_IDS = tuple(uuid.UUID(int=number) for number in (1, 2, 3))
UNKNOWN = uuid.UUID(int=9)
BUYER_IDS = tuple(uuid.UUID(int=100 + number) for number in range(6))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Facts that can be true together, and some requests."""

    pools: dict[uuid.UUID, PoolFacts]
    buyers: dict[tuple[uuid.UUID, uuid.UUID], BuyerFacts]
    asks: tuple[Ask, ...]

    def decided(self, asks: Sequence[Ask] | None = None) -> list[Decision]:
        chosen = self.asks if asks is None else asks
        return grant_rules.decide(chosen, pools=self.pools, buyers=self.buyers, now=NOW)

    def of(self, ask: Ask, pool_id: uuid.UUID) -> BuyerFacts:
        return self.buyers.get((ask.buyer_id, pool_id), BuyerFacts())


def pool_facts(pool_id: uuid.UUID = POOL_IDS[0], **changes: object) -> PoolFacts:
    facts: dict[str, object] = {
        "pledged": 10,
        "held": 0,
        "sold": 0,
        "version": 1,
        "boxes_per_buyer_max": None,
        "sells_from": NOW - timedelta(days=1),
        "sells_until": NOW + timedelta(days=1),
        **changes,
    }
    return PoolFacts(pool_id=pool_id, **facts)  # type: ignore[arg-type]


def live(boxes: int, *, minutes_left: int = 5, minutes_old: int = 5) -> LiveHold:
    created_at = NOW - timedelta(minutes=minutes_old)
    return LiveHold(
        hold_id=uuid.uuid4(),
        boxes=boxes,
        created_at=created_at,
        expires_at=NOW + timedelta(minutes=minutes_left),
        expires_at_max=created_at + hold_policy.LONGEST_CART,
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    pools, buyers = {}, {}
    for pool_id in POOL_IDS:
        own = {
            buyer_id: draw(st.integers(1, 5))
            for buyer_id in draw(st.sets(st.sampled_from(BUYER_IDS), max_size=4))
        }
        other = {buyer_id: draw(st.integers(0, 3)) for buyer_id in BUYER_IDS}
        held = sum(own.values()) + draw(st.integers(0, 3))
        sold = sum(other.values())
        pools[pool_id] = pool_facts(
            pool_id,
            pledged=held + sold + draw(st.integers(0, 12)),
            held=held,
            sold=sold,
            version=draw(st.integers(1, 50)),
            boxes_per_buyer_max=draw(st.one_of(st.none(), st.integers(1, 9))),
            sells_from=draw(st.sampled_from([NOW - timedelta(1), NOW, NOW + timedelta(seconds=1)])),
        )
        for buyer_id in BUYER_IDS:
            buyers[buyer_id, pool_id] = BuyerFacts(
                live=live(own[buyer_id], minutes_left=draw(st.integers(1, 20))) if buyer_id in own else None,
                other_boxes=other[buyer_id],
                recent_boxes=draw(st.integers(0, 2)),
            )
    lines = st.builds(Line, pool_id=st.sampled_from([*POOL_IDS, *POOL_IDS, UNKNOWN]), boxes=st.integers(1, 6))
    askers = draw(st.permutations(BUYER_IDS))[: draw(st.integers(0, len(BUYER_IDS)))]
    asks = tuple(
        Ask(
            buyer_id=buyer_id,
            lines=tuple(draw(st.lists(lines, min_size=1, max_size=4))),
            minutes=draw(st.integers(1, 60)),
        )
        for buyer_id in askers
    )
    return World(pools=pools, buyers=buyers, asks=asks)


@given(worlds())
def test_never_more_is_held_and_sold_than_pledged_after_any_of_the_requests(world: World) -> None:
    now = dict(world.pools)
    for decision in world.decided():
        for part in () if isinstance(decision, Refused) else decision:
            before = now[part.pool_id]
            assert part.pool == replace(
                before, held=before.held + part.delta, version=before.version + bool(part.delta)
            )
            assert part.pool.held >= 0
            assert part.pool.held + part.pool.sold <= part.pool.pledged
            now[part.pool_id] = part.pool


@given(worlds())
def test_a_request_gets_all_it_asked_for_or_nothing(world: World) -> None:
    for ask, decision in zip(world.asks, world.decided(), strict=True):
        if not isinstance(decision, Refused):
            asked: dict[uuid.UUID, int] = {}
            for line in ask.lines:
                asked[line.pool_id] = asked.get(line.pool_id, 0) + line.boxes
            assert {part.pool_id: part.boxes for part in decision} == asked
            assert [part.pool_id for part in decision] == sorted(asked)


@given(worlds())
def test_who_is_refused_changes_nothing_for_those_who_follow(world: World) -> None:
    decisions = world.decided()
    granted = [
        (ask, decision)
        for ask, decision in zip(world.asks, decisions, strict=True)
        if not isinstance(decision, Refused)
    ]
    assert world.decided([ask for ask, _ in granted]) == [decision for _, decision in granted]


@given(worlds())
def test_the_given_facts_are_left_as_they_are(world: World) -> None:
    pools, buyers = dict(world.pools), dict(world.buyers)
    world.decided()
    assert (world.pools, world.buyers) == (pools, buyers)


@given(worlds())
def test_a_refusal_is_true_at_its_place_in_the_line(world: World) -> None:
    """Sold out is said only if there is less, over the limit only if it would be, and of the first such pool."""
    now = dict(world.pools)
    for ask, decision in zip(world.asks, world.decided(), strict=True):
        if not isinstance(decision, Refused):
            now |= {part.pool_id: part.pool for part in decision}
            continue
        [line] = [each for each in grant_rules.summed(ask.lines) if each.pool_id == decision.pool_id]
        assert decision.requested == line.boxes
        buyer = world.of(ask, line.pool_id)
        own = buyer.live.boxes if buyer.live else 0
        match decision.cause:
            case Cause.NO_SUCH_POOL:
                assert line.pool_id not in now
            case Cause.NOT_SELLING:
                assert not now[line.pool_id].sells_at(NOW)
            case Cause.OVER_LIMIT:
                assert decision.counted == buyer.other_boxes + buyer.recent_boxes
                assert line.boxes > own
                assert decision.counted + line.boxes > decision.limit
            case Cause.SOLD_OUT:
                assert decision.available == now[line.pool_id].available + own < line.boxes


@given(worlds())
def test_nobody_gets_more_than_the_limit(world: World) -> None:
    for ask, decision in zip(world.asks, world.decided(), strict=True):
        for part in () if isinstance(decision, Refused) else decision:
            limit = world.pools[part.pool_id].boxes_per_buyer_max
            if limit is not None and part.delta > 0:
                buyer = world.of(ask, part.pool_id)
                assert part.boxes + buyer.other_boxes + buyer.recent_boxes <= limit


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_requests_decides_only_who_gets_what_is_scarce(world: World, dice: object) -> None:
    """What is refused for another reason than scarcity is refused in any order; what fits together is all granted."""
    shuffled = list(world.asks)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    first = dict(zip(world.asks, world.decided(), strict=True))
    second = dict(zip(shuffled, world.decided(shuffled), strict=True))

    def scarce(decision: Decision) -> bool:
        return isinstance(decision, Refused) and decision.cause == Cause.SOLD_OUT

    if not any(map(scarce, first.values())) and not any(map(scarce, second.values())):
        for ask in world.asks:
            assert isinstance(first[ask], Refused) == isinstance(second[ask], Refused)
    for ask in world.asks:
        causes = {each.cause for each in (first[ask], second[ask]) if isinstance(each, Refused)}
        if causes - {Cause.SOLD_OUT}:
            assert isinstance(first[ask], Refused)
            assert isinstance(second[ask], Refused)


@given(worlds())
def test_what_fits_all_together_is_granted_in_any_order(world: World) -> None:
    """With room for every request at once, nobody is told that it is sold out."""
    roomy = {
        pool_id: replace(
            pool,
            pledged=pool.pledged
            + sum(line.boxes for ask in world.asks for line in ask.lines if line.pool_id == pool_id),
        )
        for pool_id, pool in world.pools.items()
    }
    for decision in replace(world, pools=roomy).decided():
        assert not isinstance(decision, Refused) or decision.cause != Cause.SOLD_OUT


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_asking_for_fewer_never_fails_while_it_sells(
    other: int, recent: int, own: int, fewer: int, limit: int
) -> None:
    """Also when nothing is left, and when a limit was passed by then."""
    boxes = min(fewer, own)
    pool = pool_facts(pledged=own + 2, held=own + 1, sold=1, boxes_per_buyer_max=limit)
    ask = Ask(buyer_id=BUYER_IDS[0], lines=(Line(pool_id=pool.pool_id, boxes=boxes),), minutes=10)
    buyer = BuyerFacts(live=live(own), other_boxes=other, recent_boxes=recent)
    [decision] = grant_rules.decide(
        [ask], pools={pool.pool_id: pool}, buyers={(ask.buyer_id, pool.pool_id): buyer}, now=NOW
    )
    assert not isinstance(decision, Refused)
    assert decision[0].pool.held == own + 1 - (own - boxes)


def test_the_same_pool_named_twice_is_asked_for_in_sum() -> None:
    """Two lines of three do not pass where five are left."""
    pool = pool_facts(pledged=5)
    lines = (Line(pool_id=pool.pool_id, boxes=3), Line(pool_id=pool.pool_id, boxes=3))
    ask = Ask(buyer_id=BUYER_IDS[0], lines=lines, minutes=10)
    [refused] = grant_rules.decide([ask], pools={pool.pool_id: pool}, buyers={}, now=NOW)
    assert refused == Refused(cause=Cause.SOLD_OUT, pool_id=pool.pool_id, requested=6, available=5)
    [granted] = grant_rules.decide([ask], pools={pool.pool_id: replace(pool, pledged=6)}, buyers={}, now=NOW)
    assert not isinstance(granted, Refused)
    assert [part.boxes for part in granted] == [6]


def test_a_buyer_asks_once_in_a_batch() -> None:
    ask = Ask(buyer_id=BUYER_IDS[0], lines=(Line(pool_id=POOL_IDS[0], boxes=1),), minutes=1)
    with pytest.raises(ValueError, match="once"):
        grant_rules.decide([ask, ask], pools={}, buyers={}, now=NOW)


@given(st.integers(1, 29), st.integers(0, 29), st.integers(1, 90), st.integers(0, 30))
def test_an_extension_never_shortens_and_never_passes_the_end(
    left: int, old: int, minutes: int, later: int
) -> None:
    hold = live(1, minutes_left=min(left, 30 - old), minutes_old=old)
    end = grant_rules.extended(hold, now=NOW, minutes=minutes)
    assert hold.expires_at <= end <= hold.expires_at_max
    assert grant_rules.extended(hold, now=NOW, minutes=minutes + later) >= end
    again = grant_rules.extended(replace(hold, expires_at=end), now=NOW, minutes=minutes)
    assert again == end, "asking twice at the same moment gives no more"


OWN = st.builds(
    OwnHold,
    hold_id=st.uuids(),
    state=st.sampled_from([HoldState.ACTIVE, HoldState.CONVERTING, HoldState.CONSUMED]),
    boxes=st.integers(1, 9),
    created_at=st.integers(1, 25).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    expires_at=st.integers(-25, 25).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    expires_at_max=st.just(NOW + hold_policy.LONGEST_CART),
    resolved_at=st.none(),
)


@given(st.lists(OWN, max_size=6, unique_by=lambda hold: hold.hold_id))
def test_every_box_of_a_buyer_counts_at_most_once(own: list[OwnHold]) -> None:
    facts = grant_rules.buyer_facts(own, now=NOW)
    counted = facts.other_boxes + facts.recent_boxes + (facts.live.boxes if facts.live else 0)
    long_gone = [hold for hold in own if hold.state == HoldState.ACTIVE and hold.expires_at <= NOW - RECENT]
    assert counted == sum(hold.boxes for hold in own) - sum(hold.boxes for hold in long_gone)
    if facts.live is not None:
        assert facts.live.expires_at > NOW


@pytest.mark.parametrize(
    ("kept", "ago", "counts"),
    [
        (SECOND_THOUGHT, timedelta(0), False),
        (SECOND_THOUGHT + timedelta(seconds=1), timedelta(0), True),
        (timedelta(minutes=5), RECENT - timedelta(seconds=1), True),
        (timedelta(minutes=5), RECENT, False),
    ],
)
def test_boxes_given_back_late_count_for_a_while(kept: timedelta, ago: timedelta, *, counts: bool) -> None:
    hold = OwnHold(
        hold_id=uuid.uuid4(),
        state=HoldState.RELEASED,
        boxes=3,
        created_at=NOW - ago - kept,
        expires_at=NOW + timedelta(minutes=5),
        expires_at_max=NOW + hold_policy.LONGEST_CART,
        resolved_at=NOW - ago,
    )
    assert grant_rules.buyer_facts([hold], now=NOW) == BuyerFacts(recent_boxes=3 if counts else 0)


@pytest.mark.parametrize(("ago", "counts"), [(0, True), (9, True), (10, False), (11, False)])
@pytest.mark.parametrize("state", [HoldState.ACTIVE, HoldState.EXPIRED])
def test_what_lapsed_counts_for_ten_minutes_whether_or_not_it_was_written_down(
    state: HoldState, ago: int, *, counts: bool
) -> None:
    ended = NOW - timedelta(minutes=ago)
    hold = OwnHold(
        hold_id=uuid.uuid4(),
        state=state,
        boxes=3,
        created_at=ended - timedelta(minutes=10),
        expires_at=ended,
        expires_at_max=ended,
        resolved_at=NOW if state == HoldState.EXPIRED else None,
    )
    assert grant_rules.buyer_facts([hold], now=NOW) == BuyerFacts(recent_boxes=3 if counts else 0)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[PoolFacts, list[Ask], dict[tuple[uuid.UUID, uuid.UUID], BuyerFacts]]:
    """Buyers of a few households and networks who want boxes of one pool; some hold boxes already."""
    pool_id = POOL_IDS[0]
    households, networks = st.sampled_from([None, "h1", "h2"]), st.sampled_from([None, "n1", "n2"])
    buyers, asks, held = {}, [], 0
    for buyer_id in BUYER_IDS:
        own = draw(st.integers(0, 6))
        holding = replace(live(own), network=draw(networks)) if own else None
        buyers[buyer_id, pool_id] = BuyerFacts(live=holding, household=draw(households))
        held += own
        boxes, network = draw(st.integers(1, 15)), draw(networks)
        lines = (Line(pool_id=pool_id, boxes=boxes),)
        asks.append(Ask(buyer_id=buyer_id, lines=lines, minutes=10, network=network))
    pool = pool_facts(
        pledged=held + draw(st.integers(0, 200)),
        held=held,
        boxes_per_household_max=draw(st.one_of(st.none(), st.integers(1, 20))),
    )
    return pool, draw(st.permutations(asks)), buyers


@given(crowds())
def test_no_household_and_no_network_grows_past_its_part(
    crowd: tuple[PoolFacts, list[Ask], dict[tuple[uuid.UUID, uuid.UUID], BuyerFacts]],
) -> None:
    pool, asks, buyers = crowd
    households, networks = Counter[str | None](), Counter[str | None]()
    for buyer in buyers.values():
        if buyer.live:
            households[buyer.household] += buyer.live.boxes
            networks[buyer.live.network] += buyer.live.boxes
    tallies = Tallies(
        households={(name, pool.pool_id): boxes for name, boxes in households.items() if name},
        networks={(name, pool.pool_id): boxes for name, boxes in networks.items() if name},
    )
    decisions = grant_rules.decide(asks, pools={pool.pool_id: pool}, buyers=buyers, now=NOW, tallies=tallies)
    for ask, decision in zip(asks, decisions, strict=True):
        buyer = buyers[ask.buyer_id, pool.pool_id]
        if isinstance(decision, Refused):
            assert ask.lines[0].boxes > (buyer.live.boxes if buyer.live else 0), "fewer is never refused"
            continue
        [part] = decision
        households[buyer.household] += part.delta
        if buyer.live:
            networks[buyer.live.network] -= buyer.live.boxes
        networks[part.network] += part.boxes
        if part.delta > 0:
            assert part.network == ask.network
            limit = pool.boxes_per_household_max
            assert buyer.household is None or limit is None or households[buyer.household] <= limit
            most = grant_rules.network_boxes_max(pool, 100)
            assert part.network is None or networks[part.network] <= most


@pytest.mark.parametrize(
    ("pledged", "permille", "most"),
    [(500, 100, 49), (501, 100, 50), (20, 100, 20), (0, 100, 20), (500, 1000, 499)],
)
def test_a_networks_part_is_less_than_its_permille_but_a_few_of_any_pool(
    pledged: int, permille: int, most: int
) -> None:
    assert grant_rules.network_boxes_max(pool_facts(pledged=pledged), permille) == most
