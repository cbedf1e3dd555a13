"""Consents as members draft and sign them."""

from datetime import timedelta
from typing import Any, Final

from campaigns.evidence.rules import Content
from marketplace.values import instant_text
from tests.builders import Market
from tests.house import Caller

ALL: Final = [each.value for each in Content]


def wanted(market: Market, **changes: Any) -> dict[str, Any]:
    return {
        "cooperative_id": str(market.cooperative_ids[0]),
        "lender": "宜君农商行",
        "contents": ALL,
        "since_on": (market.today - timedelta(days=60)).isoformat(),
        "ends_at": instant_text(market.later(days=30).now),
        **changes,
    }


def drafted(member: Caller, market: Market, **changes: Any) -> dict[str, Any]:
    response = member.post("/v1/evidence-consents", json=wanted(market, **changes))
    assert response.status_code == 201, response.json
    return dict(response.json)


def signed(member: Caller, market: Market, **changes: Any) -> tuple[dict[str, Any], str]:
    consent = drafted(member, market, **changes)
    response = member.post(
        f"/v1/evidence-consents/{consent['id']}/signature", json={"digest": consent["digest"]}
    )
    assert response.status_code == 200, response.json
    return response.json["consent"], response.json["code"]
