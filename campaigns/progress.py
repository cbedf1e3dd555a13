"""How far a campaign is: boxes sold, held and left of each item, its state, and what the clock does next.

Asked for again and again by many phones: one statement, whose answer all share for a tenth of a second (`showing`).
Its version counts every change of the campaign and of its pools, and what the clock has moved, written down or not.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from campaigns import goal_rules, showing
from campaigns.goal_rules import Goal, Sold
from campaigns.planning import INSIDERS, CampaignNotFound
from campaigns.showing import Question
from campaigns.states import after, due_event, next_change
from marketplace import versions
from marketplace.context import Context
from marketplace.steps import walk
from marketplace.values import instant_text

PROGRESS: Final = """
    SELECT (SELECT json_build_object('campaign', row_to_json(c), 'items', (
        SELECT coalesce(json_agg(json_build_object(
            'item_id', i.id, 'pack_id', i.pack_id, 'boxes_sold', pool.boxes_sold, 'boxes_held', pool.boxes_held,
            'boxes_left', pool.boxes_pledged - pool.boxes_held - pool.boxes_sold,
            'grams_sold', pool.boxes_sold * pack.net_grams, 'version', pool.version
        ) ORDER BY i.id), '[]')
        FROM campaign_item i JOIN pool ON pool.id = i.pool_id JOIN pack ON pack.id = i.pack_id
        WHERE i.campaign_id = c.id))
    FROM (
        SELECT id, state, opens_at, closes_at, goal_boxes, goal_grams, version FROM campaign
        WHERE (%(is_insider)s::boolean OR state = ANY(string_to_array(%(public)s, ','))) AND id = %(id)s::uuid
    ) AS c)::text AS told
"""
_SUMS: Final = ("boxes_sold", "boxes_held", "boxes_left", "grams_sold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """As it is told: the JSON text in the form of `schemas.Progress`, its version and its ETag."""

    body: str
    version: int
    etag: str


def question(ctx: Context, *, campaign_id: uuid.UUID) -> Question:
    return Question(is_insider=ctx.actor.has(*INSIDERS), campaign_id=campaign_id, about=PROGRESS)


def one(asked: Question, *, now: datetime) -> Progress:
    """Raises CampaignNotFound."""
    raw = walk(showing.ask(asked))
    if raw is None:
        raise CampaignNotFound
    return shaped(raw, now=now)


def shaped(raw: str, *, now: datetime) -> Progress:
    """From the stored rows; a move that the clock asks for has happened, and counts as the change that it will be."""
    row = json.loads(raw)
    campaign, items = row["campaign"], row["items"]
    window = {name: datetime.fromisoformat(campaign[name]) for name in ("opens_at", "closes_at")}
    state, moves = campaign["state"], 0
    while (due := due_event(state, **window, now=now)) is not None:
        state, moves = after(state, due), moves + 1
    version = campaign["version"] + moves + sum(item["version"] for item in items)
    upcoming = next_change(state, **window)
    sums = {name: sum(item[name] for item in items) for name in _SUMS}
    goal = Goal(boxes=campaign["goal_boxes"], grams=campaign["goal_grams"])
    sold = Sold(boxes=sums["boxes_sold"], grams=sums["grams_sold"])
    body: dict[str, Any] = {
        "campaign_id": campaign["id"],
        "state": str(state),
        "version": version,
        **sums,
        "goal_boxes": goal.boxes,
        "goal_grams": goal.grams,
        "goal_is_reached": goal_rules.is_reached(goal, sold),
        "items": items,
        "next_change": upcoming and {"event": str(upcoming[0]), "at": instant_text(upcoming[1])},
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Progress(body=text, version=version, etag=versions.digest(text))
