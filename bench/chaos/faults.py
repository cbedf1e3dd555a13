"""One fault as it was done."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    kind: str
    began: float
    ended: float
    says: str = ""
