"""What the page of a campaign shows, put into words and numbers of one language from the stored row. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from campaigns import goal_rules
from campaigns.goal_rules import Goal, Sold
from campaigns.policy import rules as policy_rules
from campaigns.policy.rules import Policy, Weight
from campaigns.states import ENDED, CampaignState, CutRule, state_at
from campaigns.web import formats, items, words
from campaigns.web.formats import Names
from campaigns.web.items import ItemSeen
from campaigns.web.reader import Measure, Moment, Reader, measures
from marketplace.language import Text
from orders.states import Silence

S = CampaignState

LIVE: Final = frozenset(S) - ENDED - {S.DRAFT, S.COMPLETED, S.SETTLED}
"""What may still change while somebody looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    name: str
    is_past: bool
    is_now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CooperativeSeen:
    name: Names
    township: str
    households: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What was signed before the sale, for who wants to check it."""

    sentences: tuple[str, ...]
    digest: str
    canonical: str
    seed_hash: str
    seed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    id: str
    code: str
    title: Names
    county: Names
    is_demo: bool
    state: CampaignState
    state_name: str
    sentence: str
    why: str
    why_at: Moment | None
    ends_next: Moment | None
    """To which moment the countdown runs."""
    is_live: bool
    is_ended: bool
    measures: tuple[Measure, ...]
    goal_says: str
    phases: tuple[Phase, ...]
    dates: tuple[tuple[str, str], ...]
    items: tuple[ItemSeen, ...]
    pledging: tuple[CooperativeSeen, ...]
    pledging_says: str
    level: str
    promise: Promise | None


def page(row: Mapping[str, Any], reader: Reader, *, now: datetime, reasons: Mapping[str, Text]) -> Page:
    """`reasons`: what the house gives as a reason by itself, in words."""
    campaign = row["campaign"]
    opens_at, closes_at = (datetime.fromisoformat(campaign[name]) for name in ("opens_at", "closes_at"))
    state = state_at(campaign["state"], opens_at=opens_at, closes_at=closes_at, now=now)
    policy = _policy(row["policy"])
    why, why_at = _why(row["why"], state, reader, reasons)
    sold = Sold(
        boxes=sum(item["boxes_sold"] for item in row["items"]),
        grams=sum(item["boxes_sold"] * item["pack_grams"] for item in row["items"]),
    )
    ends_next = {S.SCHEDULED: opens_at, S.DEPOSIT_OPEN: closes_at}.get(state)
    return Page(
        id=campaign["id"],
        code=campaign["code"],
        title=reader.names(campaign, "title"),
        county=reader.names(row["county"], "name"),
        is_demo=row["county"]["is_demo"],
        state=state,
        state_name=reader.pick(words.STATES[state]),
        sentence=reader.pick(words.SENTENCES[state]),
        why=why,
        why_at=why_at,
        ends_next=None if ends_next is None else reader.instant(ends_next),
        is_live=state in LIVE,
        is_ended=state in ENDED,
        measures=measures(campaign, sold, reader),
        goal_says=_goal_says(campaign, sold, state, reader),
        phases=_phases(state, reader, has_balance=campaign["balance_opens_at"] is not None),
        dates=_dates(campaign, reader),
        items=tuple(items.item(each, state, policy, reader) for each in row["items"]),
        pledging=tuple(_cooperative(each, reader) for each in row["pledging"]),
        pledging_says=reader.count(
            "pledging_count",
            len(row["pledging"]),
            households=formats.whole(sum(each["households"] for each in row["pledging"])),
        ),
        level=reader.pick(words.LEVELS[Weight.HOUSEHOLDS if policy is None else policy.weight]),
        promise=None if policy is None else _promise(campaign, policy, reader),
    )


def _goal_says(campaign: Mapping[str, Any], sold: Sold, state: CampaignState, reader: Reader) -> str:
    goal = Goal(boxes=campaign["goal_boxes"], grams=campaign["goal_grams"])
    if goal.boxes is None and goal.grams is None:
        return reader.say("no_goal")
    if goal_rules.is_reached(goal, sold):
        return reader.say("goal_reached")
    return reader.say("goal_open") if state in _BEFORE_VERDICT else ""


_BEFORE_VERDICT: Final = frozenset({S.SCHEDULED, S.DEPOSIT_OPEN, S.PAUSED, S.DEPOSIT_CLOSED})


def _why(
    row: Mapping[str, Any] | None, state: CampaignState, reader: Reader, reasons: Mapping[str, Text]
) -> tuple[str, Moment | None]:
    """Why it stands still or ended, if it does; a person's reason as it was written."""
    told_of = {S.PAUSED} if state == S.PAUSED else {S.FAILED, S.CANCELLED} if state in ENDED else set()
    if row is None or row["after"] not in told_of:
        return "", None
    reason = row["reason"]
    told = reader.pick(reasons[reason]) if reason in reasons else reason
    return told, reader.instant(datetime.fromisoformat(row["at"]))


def _phases(state: CampaignState, reader: Reader, *, has_balance: bool) -> tuple[Phase, ...]:
    """Empty for what does not take place."""
    way = [each for each in words.PHASES if has_balance or each[0] != "balance" or state in each[2]]
    here = next((place for place, (_, _, states) in enumerate(way) if state in states), None)
    if here is None:
        return ()
    return tuple(
        Phase(name=reader.pick(name), is_past=place < here, is_now=place == here)
        for place, (_, name, _) in enumerate(way)
    )


def _dates(campaign: Mapping[str, Any], reader: Reader) -> tuple[tuple[str, str], ...]:
    def told(name: str) -> str:
        return reader.local(datetime.fromisoformat(campaign[name]))

    found = [(reader.say("opens"), told("opens_at")), (reader.say("closes"), told("closes_at"))]
    if campaign["harvest_ends_at"] is not None:
        found.append((reader.say("harvest_until"), told("harvest_ends_at")))
    if campaign["balance_opens_at"] is not None:
        end = "balance_closes_at" if campaign["balance_due_at"] is None else "balance_due_at"
        found += [
            (reader.say("balance_opens"), told("balance_opens_at")),
            (reader.say("balance_closes"), told(end)),
        ]
    claims = reader.count("claims_days", campaign["claims_days"])
    zone = formats.zone_name(reader.zone, reader.language)
    return (*found, (reader.say("claims"), claims), (reader.say("zone"), zone))


def _cooperative(row: Mapping[str, Any], reader: Reader) -> CooperativeSeen:
    return CooperativeSeen(
        name=reader.names(row, "name"),
        township=reader.names(row, "township").own,
        households=reader.count("households", row["households"]),
    )


def _policy(row: Mapping[str, Any] | None) -> Policy | None:
    if row is None:
        return None
    return Policy(
        **{
            **row,
            "weight": Weight(row["weight"]),
            "silence": Silence(row["silence"]),
            "cut_rule": CutRule(row["cut_rule"]),
        }
    )


def _promise(campaign: Mapping[str, Any], policy: Policy, reader: Reader) -> Promise:
    return Promise(
        sentences=(
            reader.pick(words.WEIGHTS[policy.weight]),
            reader.pick(words.SILENCES[policy.silence]).format(hours=policy.answer_hours),
            reader.say("promise_neighbours", hours=policy.neighbour_hours),
            reader.say("promise_election", hours=policy.election_hours),
            reader.pick(words.CUTS[policy.cut_rule]),
            reader.say("promise_earnest", percent=formats.percent(policy.earnest_permille, 1_000)),
            reader.say("promise_seed"),
        ),
        digest=campaign["policy_digest"] or policy_rules.digest_of(policy),
        canonical=policy_rules.canonical(policy),
        seed_hash=campaign["seed_hash"] or "",
        seed=campaign["seed"],
    )
