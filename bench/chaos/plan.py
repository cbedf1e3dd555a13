"""What the load is told to do: written by the runner as one JSON file, read by the process that loads."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    campaign_id: str
    item_id: str
    weight: int
    """How often it is asked for, beside the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    account_id: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`*_share` are per mille of the operations."""

    host: str
    port: int
    history: str
    seed: int
    seconds: float
    operations: int
    connections: int
    copies_share: int
    repeats_share: int
    hang_up_share: int
    settle_seconds: float
    items: list[Item]
    shoppers: list[Shopper]
    operator_token: str

    def write(self, path: Path) -> None:
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        kept = json.loads(path.read_text(encoding="utf-8"))
        kept["items"] = [Item(**each) for each in kept["items"]]
        kept["shoppers"] = [Shopper(**each) for each in kept["shoppers"]]
        return cls(**kept)
