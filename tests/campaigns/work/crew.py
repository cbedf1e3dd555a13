"""A wave of three cooperatives and the workers of one: their shifts, scans and wages, through the doors."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from marketplace.access import Role
from marketplace.context import Context
from tests.builders import Market
from tests.campaigns.fulfilment import stage
from tests.campaigns.fulfilment.stage import Sending
from tests.house import Caller


def done(response: Any, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.json
    return dict(response.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    made: Sending
    wave_id: str
    place: int = 0
    """Of the cooperative whose workers they are."""

    @property
    def market(self) -> Market:
        return self.made.market

    @property
    def member(self) -> Caller:
        return self.made.members[self.place]

    @property
    def neighbour(self) -> Caller:
        return self.made.members[1]

    @property
    def cooperative_id(self) -> str:
        return str(self.market.cooperative_ids[self.place])

    @property
    def begins_at(self) -> datetime:
        """Four hours ago, to the minute."""
        return (self.market.ctx.now - timedelta(hours=4)).replace(second=0, microsecond=0)

    @property
    def ctx(self) -> Context:
        """The member at work."""
        found = self.market.acting(self.member, roles=frozenset({Role.COOPERATIVE}))
        own = frozenset({self.market.cooperative_ids[self.place]})
        return replace(found, actor=replace(found.actor, cooperative_ids=own))

    def at(self, minutes: int) -> str:
        """So many minutes after the shift began."""
        return (self.begins_at + timedelta(minutes=minutes)).isoformat()

    def worker(self, name: str = "李明", village: str = "南沟村", **more: Any) -> str:
        body = {"name": name, "village": village, **more}
        return str(done(self.member.post(self.workers_url, json=body), 201)["id"])

    @property
    def workers_url(self) -> str:
        return f"/v1/cooperatives/{self.cooperative_id}/workers"

    def terms(self, **changes: Any) -> dict[str, Any]:
        return {
            "kind": "packing",
            "cooperative_id": self.cooperative_id,
            "on": self.begins_at.date().isoformat(),
            "begins_at": self.at(0),
            "ends_at": self.at(480),
            "piece_rate_minor": 50,
            "hourly_floor_minor": 1_800,
            "places": 10,
            **changes,
        }

    def plan(self, **changes: Any) -> Any:
        return self.member.post(f"/v1/waves/{self.wave_id}/shifts", json=self.terms(**changes))

    def shift(self, *worker_ids: str, **changes: Any) -> str:
        shift_id = str(done(self.plan(**changes), 201)["id"])
        if worker_ids:
            done(self.assign(shift_id, *worker_ids))
        return shift_id

    def assign(self, shift_id: str, *worker_ids: str) -> Any:
        return self.member.post(f"/v1/shifts/{shift_id}/workers", json={"worker_ids": list(worker_ids)})

    def attend(self, shift_id: str, *times: tuple[str, int | None, int | None]) -> Any:
        items = [
            {
                "worker_id": worker_id,
                "checked_in_at": None if came is None else self.at(came),
                "checked_out_at": None if went is None else self.at(went),
            }
            for worker_id, came, went in times
        ]
        return self.member.put(f"/v1/shifts/{shift_id}/attendance", json={"items": items})

    def parcels(self, **query: str) -> list[dict[str, Any]]:
        return self.made.parcels(cooperative_id=self.cooperative_id, wave_id=self.wave_id, **query)

    def row(self, worker_id: str, parcel: dict[str, Any], box: int | None = 1, **more: Any) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "worker_id": worker_id,
            "parcel_id": parcel["id"],
            "scanned_at": self.at(60),
            **({} if box is None else {"box": box}),
            **more,
        }

    def send(self, shift_id: str, rows: Sequence[dict[str, Any]], who: Caller | None = None) -> list[str]:
        """The outcome of each row: `taken`, `repeated`, or the pointer and the code of what keeps it out."""
        answer = done((who or self.member).post(f"/v1/shifts/{shift_id}/scans", json={"rows": list(rows)}))
        counts = [answer[name] for name in ("taken", "repeated", "conflicts")]
        assert sum(counts) == answer["rows"] == len(answer["results"]) == len(rows)
        assert [each["id"] for each in answer["results"]] == [each["id"] for each in rows]
        for each in answer["results"]:
            assert (
                (each["outcome"] == "conflict") == (each["detail"] is not None) == (each["code"] is not None)
            )
        return [
            f"{each['pointer']} {each['code']}" if each["code"] else each["outcome"]
            for each in answer["results"]
        ]

    def step(self, shift_id: str, step: str, who: Caller | None = None, **body: Any) -> Any:
        return (who or self.member).post(f"/v1/shifts/{shift_id}/{step}", json=body or None)

    def sheet(self, shift_id: str, who: Caller | None = None) -> dict[str, Any]:
        return done((who or self.member).get(f"/v1/shifts/{shift_id}/wage-sheet"))

    def signed(self, shift_id: str) -> dict[str, Any]:
        done(self.step(shift_id, "closing"))
        total = self.sheet(shift_id)["total_minor"]
        return done(self.step(shift_id, "wage-sheet/signature", total_minor=total))

    def worked(self, *minutes: int, village: str = "南沟村", **changes: Any) -> str:
        """A signed shift of so many workers, each of whom was there so long."""
        ids = [self.worker(f"工人{number}", village) for number in range(len(minutes))]
        shift_id = self.shift(*ids, **changes)
        done(self.attend(shift_id, *((each, 0, long) for each, long in zip(ids, minutes, strict=True))))
        self.signed(shift_id)
        return shift_id


def build(market: Market, operator: Caller, *, orders: Sequence[int] = (5, 4, 3), **options: Any) -> Crew:
    """Most of the boxes are of the first cooperative."""
    options.setdefault("pledged", (20, 1, 1))
    made = stage.closed(market, operator, orders=orders, **options)
    return Crew(made=made, wave_id=made.released()["id"])
