"""Answers of the doors that a rush goes through, written straight from what was granted; the schemas document them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from inventory.granting import Placed
from inventory.states import HoldState
from marketplace.idempotency import Answer


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
        "expires_at": _instant(placed.expires_at),
        "available": placed.pool.available,
        "version": placed.pool.version,
    }


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
