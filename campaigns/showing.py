"""What passers-by look at all day: the list of campaigns and a campaign's page, written out by one statement.

Passers-by who ask for the same share one answer of the database for READS_SHARED_MS, a tenth of a second: as long as
this process has committed nothing since, so that who changed something sees it, and others see it a blink later. What
follows from an answer (state by the clock, text, ETag) is remembered with it.
"""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from flask import current_app

from campaigns import shapes
from campaigns.planning import INSIDERS, CampaignNotFound
from campaigns.shapes import Shaped
from campaigns.states import PUBLIC
from marketplace import commits, errors, express, versions
from marketplace.context import Context
from marketplace.express import Statement
from marketplace.language import Text
from marketplace.settings import Settings
from marketplace.steps import Joining, Steps
from marketplace.together import Together

QUESTIONS_REMEMBERED_MAX: Final = 500
NANOSECONDS_IN_MS: Final = 1_000_000
_FIRST: Final = uuid.UUID(int=0)
_PUBLIC: Final = ",".join(sorted(PUBLIC))

_LIST: Final = """
    SELECT (SELECT coalesce(json_agg(row_to_json(c)), '[]') FROM (
        SELECT id, code, kind, state, county_id, title_en, title_zh, opens_at, closes_at,
            goal_boxes, goal_grams, cut_rule, policy_digest, claims_days, harvest_ends_at, seed_hash,
            CASE WHEN seed_revealed_at IS NOT NULL THEN seed END AS seed, version FROM campaign
        WHERE (%(is_insider)s::boolean OR state = ANY(string_to_array(%(public)s, ','))) AND id > %(cursor)s::uuid
        ORDER BY id LIMIT %(limit)s::bigint
    ) AS c)::text AS told
"""
_PAGE: Final = """
    SELECT (SELECT json_build_object('campaign', row_to_json(c), 'is_demo', county.is_demo, 'balance', (
        SELECT json_build_object('opens_at', b.balance_opens_at, 'closes_at', b.balance_closes_at,
            'grace_hours', b.balance_grace_hours, 'due_at', b.balance_due_at)
        FROM campaign b WHERE b.id = c.id AND b.balance_opens_at IS NOT NULL), 'offers', (
        SELECT coalesce(json_agg(json_build_object(
            'id', i.id, 'pack_id', i.pack_id, 'pool_id', i.pool_id, 'variety', product.variety,
            'grade', product.grade, 'pack_grams', pack.net_grams, 'unit_price_minor', i.unit_price_minor,
            'currency', i.currency, 'boxes_per_buyer_max', i.boxes_per_buyer_max,
            'boxes_per_household_max', i.boxes_per_household_max, 'shelf_days', i.shelf_days,
            'available', pool.boxes_pledged - pool.boxes_held - pool.boxes_sold, 'version', pool.version,
            'has_promotions', pool.has_promotions,
            'ladder', (SELECT coalesce(json_agg(json_build_object('from_boxes', s.from_boxes,
                'unit_price_minor', s.unit_price_minor, 'waterfall', CASE WHEN s.orchard_minor IS NOT NULL THEN
                    json_build_object('orchard_minor', s.orchard_minor, 'cold_store_minor', s.cold_store_minor,
                        'packing_minor', s.packing_minor, 'freight_minor', s.freight_minor,
                        'commission_minor', s.commission_minor) END) ORDER BY s.from_boxes), '[]')
                FROM campaign_step s WHERE s.item_id = i.id),
            'deposit', CASE WHEN pool.deposit_type IS NOT NULL THEN json_build_object('type', pool.deposit_type,
                'per_box_minor', pool.deposit_minor, 'counts_minor', pool.deposit_counts_minor,
                'funder', pool.deposit_funder, 'free_withdrawal_hours', pool.deposit_free_hours) END,
            'final_unit_price_minor', i.final_unit_price_minor
        ) ORDER BY i.id), '[]')
        FROM campaign_item i JOIN pack ON pack.id = i.pack_id JOIN product ON product.id = pack.product_id
            JOIN pool ON pool.id = i.pool_id
        WHERE i.campaign_id = c.id))
    FROM (
        SELECT id, code, kind, state, county_id, title_en, title_zh, opens_at, closes_at,
            goal_boxes, goal_grams, cut_rule, policy_digest, claims_days, harvest_ends_at, seed_hash,
            CASE WHEN seed_revealed_at IS NOT NULL THEN seed END AS seed, version FROM campaign
        WHERE (%(is_insider)s::boolean OR state = ANY(string_to_array(%(public)s, ','))) AND id = %(id)s::uuid
    ) AS c JOIN county ON county.id = c.county_id)::text AS told
"""
"""Fields in the order of the schemas, which document them."""
_OTHER: Final = """(SELECT p.unit_price_minor FROM campaign_item_price p
                WHERE p.item_id = i.id AND p.currency = %(currency)s)"""
_PAGE_IN: Final = _PAGE.replace(
    "'unit_price_minor', i.unit_price_minor,\n            'currency', i.currency",
    f"""'unit_price_minor', CASE WHEN i.currency = %(currency)s THEN i.unit_price_minor ELSE {_OTHER} END,
            'currency', %(currency)s::text""",
).replace(
    "'final_unit_price_minor', i.final_unit_price_minor",
    "'final_unit_price_minor', CASE WHEN i.currency = %(currency)s THEN i.final_unit_price_minor END",
)
_LIST_IN: Final = _LIST.replace(
    "        ORDER BY id",
    """        AND EXISTS (SELECT FROM campaign_item i WHERE i.campaign_id = campaign.id)
        AND NOT EXISTS (SELECT FROM campaign_item i WHERE i.campaign_id = campaign.id AND i.currency <> %(currency)s
            AND NOT EXISTS (SELECT FROM campaign_item_price p
                WHERE p.item_id = i.id AND p.currency = %(currency)s))
        ORDER BY id""",
)
"""The same in a currency that was asked for: the price that was set in it, or none, never one converted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: one campaign, or a page of the list. Insiders are told of drafts too."""

    is_insider: bool
    campaign_id: uuid.UUID | None = None
    code: str | None = None
    """The campaign by its code: only for `about`."""
    about: str | None = None
    """A statement that tells something else than the list or the campaign's page."""
    limit: int = 0
    cursor: uuid.UUID | None = None
    currency: str | None = None
    """That of the items' own prices, unless it is told."""


class NoPriceInCurrency(errors.Conflict):
    """Nobody has set a price of `item_ids` in that currency, and none is converted."""

    title = Text(en="There is no price in that currency.", zh="没有该币种的价格。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The body of an answer, its ETag, and where the next page begins."""

    body: str
    etag: str
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    """What was made of the database's answer; good for the same answer while the clock asks for no move."""

    raw: str
    shaped: Shaped
    told: Told


def page(ctx: Context, *, limit: int, cursor: uuid.UUID | None, currency: str | None = None) -> Steps[Told]:
    """In steps: a page of the list in the form of `schemas.CampaignPage`.

    `currency`: only those whose items all have a price in it.
    """
    question = Question(is_insider=ctx.actor.has(*INSIDERS), limit=limit, cursor=cursor, currency=currency)
    raw = yield from ask(question)
    return _tell(ctx, question, raw or "[]")


def one(ctx: Context, *, campaign_id: uuid.UUID, currency: str | None = None) -> Steps[Told]:
    """In steps: one campaign in the form of `schemas.ShownCampaign`; raises CampaignNotFound, NoPriceInCurrency."""
    question = Question(is_insider=ctx.actor.has(*INSIDERS), campaign_id=campaign_id, currency=currency)
    raw = yield from ask(question)
    if raw is None:
        raise CampaignNotFound
    if currency is not None:
        _check_priced(raw, currency)
    return _tell(ctx, question, raw)


def _check_priced(raw: str, currency: str) -> None:
    """Raises NoPriceInCurrency."""
    lacking = [offer["id"] for offer in json.loads(raw)["offers"] if offer["unit_price_minor"] is None]
    if lacking:
        raise NoPriceInCurrency(currency=currency, item_ids=lacking)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the database said, and what may be told of it by whom."""

    raw: str | None
    until: int
    """By this process's clock, in nanoseconds, counted from before it was asked."""
    mark: object
    """The latest commit of this process before it was asked."""


def ask(question: Question) -> Steps[str | None]:
    """In steps: what the database says, shared with all who ask the same in this moment. Often no step is needed."""
    extensions = current_app.extensions
    said: _Said | None = _memory().get(question)
    if said is not None and said.mark is commits.latest() and said.until > time.monotonic_ns():
        return said.raw
    together = cast(Together[Question, str | None], extensions.get("campaigns_shown"))
    if together is None:
        together = extensions.setdefault("campaigns_shown", Together(_look_up))
    raw: str | None = yield Joining(together, question)
    return raw


def _look_up(questions: Sequence[Question]) -> Iterator[tuple[int, str | None]]:
    different = list(dict.fromkeys(questions))
    settings: Settings = current_app.config["SETTINGS"]
    mark, until = commits.latest(), time.monotonic_ns() + settings.reads_shared_ms * NANOSECONDS_IN_MS
    rows = express.line("reads").run(lambda work: work.look(*map(_statement, different)))
    told = {question: row.told for question, row in zip(different, rows, strict=True)}
    memory = _memory()
    if len(memory) + len(told) > QUESTIONS_REMEMBERED_MAX:
        memory.clear()
    memory |= {question: _Said(raw=raw, until=until, mark=mark) for question, raw in told.items()}
    yield from enumerate(told[question] for question in questions)


def _memory() -> dict[Question, _Said]:
    found: dict[Question, _Said] = current_app.extensions.setdefault("campaigns_said", {})
    return found


def _statement(question: Question) -> Statement:
    seen: dict[str, Any] = {"is_insider": question.is_insider, "public": _PUBLIC}
    if question.currency is not None:
        return _statement_in(question, {**seen, "currency": question.currency})
    if question.about is not None:
        named = {"id": question.campaign_id, "code": question.code, "cursor": question.cursor}
        return question.about, {**seen, **named}
    if question.campaign_id is not None:
        return _PAGE, {**seen, "id": question.campaign_id}
    return _LIST, {**seen, "cursor": question.cursor or _FIRST, "limit": question.limit + 1}


def _statement_in(question: Question, seen: dict[str, Any]) -> Statement:
    if question.campaign_id is not None:
        return _PAGE_IN, {**seen, "id": question.campaign_id}
    return _LIST_IN, {**seen, "cursor": question.cursor or _FIRST, "limit": question.limit + 1}


def _tell(ctx: Context, question: Question, raw: str) -> Told:
    known: dict[Question, _Remembered] = current_app.extensions.setdefault("campaigns_told", {})
    found = known.get(question)
    if found is not None and found.raw == raw and found.shaped.holds_at(ctx.now):
        return found.told
    if question.campaign_id is None:
        shaped = shapes.campaign_page(raw, limit=question.limit, now=ctx.now)
    else:
        shaped = shapes.shown_campaign(raw, now=ctx.now)
    etag = versions.digest(shaped.text)
    told = Told(body=shaped.text, etag=etag, next_cursor=shaped.next_cursor)
    if len(known) >= QUESTIONS_REMEMBERED_MAX:
        known.clear()
    known[question] = _Remembered(raw=raw, shaped=shaped, told=told)
    return told
