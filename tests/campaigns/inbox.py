"""What somebody was told, read at the door; jobs run before it is read."""

from typing import Any

from marketplace import jobs
from tests.builders import Market
from tests.house import Caller


def work(market: Market) -> None:
    jobs.work(market.app, once=True)


def told(caller: Caller, kind: str) -> list[dict[str, Any]]:
    """The facts of what was told of this kind, latest first."""
    response = caller.get("/v1/me/notifications?limit=100")
    assert response.status_code == 200, response.json
    return [each["facts"] for each in response.json["items"] if each["kind"] == kind]
