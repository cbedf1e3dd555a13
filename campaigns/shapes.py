"""Answers of the doors that a rush goes through, written straight from what was granted; the schemas document them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from campaigns.states import state_at
from inventory.granting import Placed
from inventory.states import HoldState
from marketplace.idempotency import Answer
from marketplace.values import instant_text

YEARS: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
"""Nothing here opens or closes before or after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """A JSON text that is right from one moment to another; then a campaign opens or closes by the clock."""

    text: str
    since: datetime
    until: datetime
    next_cursor: str | None = None

    def holds_at(self, now: datetime) -> bool:
        return self.since <= now < self.until


def campaign_page(raw: str, *, limit: int, now: datetime) -> Shaped:
    """The form of `schemas.CampaignPage`, from the stored rows of one campaign more than the page shows."""
    rows = json.loads(raw)
    items = rows[:limit]
    following = items[-1]["id"] if len(rows) > limit else None
    since, until = window_of(items, now)
    body = {"items": [_campaign(row, now) for row in items], "next_cursor": following}
    return Shaped(text=_text(body), since=since, until=until, next_cursor=following)


def shown_campaign(raw: str, *, now: datetime) -> Shaped:
    """The form of `schemas.ShownCampaign`."""
    row = json.loads(raw)
    since, until = window_of([row["campaign"]], now)
    told = {**row, "campaign": _campaign(row["campaign"], now), "balance": _balance(row["balance"])}
    return Shaped(text=_text(told), since=since, until=until)


def _balance(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    instants = ("opens_at", "closes_at", "due_at")
    return {
        name: instant_text(datetime.fromisoformat(value)) if name in instants and value else value
        for name, value in row.items()
    }


def _campaign(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    opens_at, closes_at = (datetime.fromisoformat(row[name]) for name in ("opens_at", "closes_at"))
    state = state_at(row["state"], opens_at=opens_at, closes_at=closes_at, now=now)
    return {
        **row,
        "state": state.value,
        "opens_at": instant_text(opens_at),
        "closes_at": instant_text(closes_at),
    }


def window_of(rows: Sequence[Mapping[str, Any]], now: datetime) -> tuple[datetime, datetime]:
    """Between which moments around `now` no campaign opens or closes."""
    moments = [datetime.fromisoformat(row[name]) for row in rows for name in ("opens_at", "closes_at")]
    return (
        max((each for each in moments if each <= now), default=YEARS[0]),
        min((each for each in moments if each > now), default=YEARS[1]),
    )


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def one(placed: Sequence[Placed]) -> Answer:
    """The form of `schemas.CampaignHold`: one hold."""
    [hold] = placed
    return _answer(_hold(hold), hold)


def basket(placed: Sequence[Placed]) -> Answer:
    """The form of `schemas.Basket`: a hold for each pool."""
    return _answer({"holds": [_hold(each) for each in placed]}, *placed)


def _answer(body: dict[str, Any], *placed: Placed) -> Answer:
    new = [each for each in placed if each.is_new]
    headers = {"Location": f"/v1/holds/{new[0].hold_id}"} if new else {}
    return Answer(status=201 if new else 200, body=json.dumps(body, ensure_ascii=False), headers=headers)


def _hold(placed: Placed) -> dict[str, Any]:
    return {
        "hold_id": str(placed.hold_id),
        "state": HoldState.ACTIVE.value,
        "boxes": placed.boxes,
        "unit_price_minor": placed.unit_price_minor,
        "currency": placed.currency,
        "expires_at": instant_text(placed.expires_at),
        "available": placed.pool.available,
        "version": placed.pool.version,
    }
