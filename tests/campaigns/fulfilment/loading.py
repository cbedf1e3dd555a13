"""What tests of pallets, hand-overs and carriers do at the doors; unless told with the second cooperative's parcels."""

from collections.abc import Iterable, Sequence
from typing import Any

from werkzeug.test import TestResponse

from tests.campaigns.fulfilment.stage import Sending
from tests.house import Caller


def ids(parcels: Iterable[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in parcels]


def packed(made: Sending, *, cooperative: int = 1) -> list[dict[str, Any]]:
    """The cooperative's parcels, packed."""
    found = made.parcels(cooperative_id=str(made.market.cooperative_ids[cooperative]))
    assert found
    for each in found:
        if each["state"] == "planned":
            answer = made.step(each, "packing")
            assert answer.status_code == 200, answer.json
    return made.parcels(cooperative_id=str(made.market.cooperative_ids[cooperative]))


def pallet(made: Sending, *, cooperative: int = 1, who: Caller | None = None) -> dict[str, Any]:
    """An empty one."""
    answer = (who or made.operator).post(
        f"/v1/cooperatives/{made.market.cooperative_ids[cooperative]}/pallets",
        json={"cold_store_id": str(made.market.cold_store_id)},
    )
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def act(made: Sending, found: dict[str, Any], step: str, **body: Any) -> TestResponse:
    return made.operator.post(f"/v1/pallets/{found['id']}/{step}", json=body or None)


def done(made: Sending, found: dict[str, Any], step: str, **body: Any) -> dict[str, Any]:
    answer = act(made, found, step, **body)
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def closed(made: Sending, parcels: Sequence[dict[str, Any]], *, cooperative: int = 1) -> dict[str, Any]:
    """A closed pallet with these parcels on it."""
    found = pallet(made, cooperative=cooperative)
    done(made, found, "parcels", parcel_ids=ids(parcels))
    return done(made, found, "closing")


def give(made: Sending, *, cooperative: int = 1, who: Caller | None = None, **body: Any) -> TestResponse:
    """Hand over to a carrier."""
    told = {
        "cooperative_id": str(made.market.cooperative_ids[cooperative]),
        "carrier": "SF",
        "reference": "TOUR-7",
        **body,
    }
    return (who or made.operator).post("/v1/hand-overs", json=told)


def given(made: Sending, *, cooperative: int = 1, **body: Any) -> dict[str, Any]:
    answer = give(made, cooperative=cooperative, **body)
    assert answer.status_code == 201, answer.json
    return dict(answer.json)
