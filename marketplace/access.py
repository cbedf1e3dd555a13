"""The one table that says who may call which operation. Pure.

An operation that is not in the table is refused for everybody, and a test fails. Ownership (whose lot, whose
order) is decided in the use case, where a foreign id looks like a missing one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    ANONYMOUS = "anonymous"
    SHOPPER = "shopper"
    COOPERATIVE = "cooperative"
    BUYER = "buyer"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"
    SYSTEM = "system"


PEOPLE: Final = frozenset({Role.SHOPPER, Role.COOPERATIVE, Role.BUYER, Role.OPERATOR, Role.AUDITOR})
EVERYONE: Final = PEOPLE | {Role.ANONYMOUS, Role.SERVICE}
STAFF: Final = frozenset({Role.OPERATOR, Role.AUDITOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call an operation: any of `roles`, or a service key that carries `scope`."""

    roles: frozenset[Role]
    scope: str | None = None

    def allows(self, roles: frozenset[Role], scopes: frozenset[str]) -> bool:
        if Role.SERVICE in roles and Role.SERVICE not in self.roles:
            return self.scope is not None and self.scope in scopes
        return not self.roles.isdisjoint(roles)

    @property
    def is_public(self) -> bool:
        return Role.ANONYMOUS in self.roles


def _may(*roles: Role, scope: str | None = None) -> Access:
    return Access(roles=frozenset(roles), scope=scope)


_EVERYONE: Final = Access(roles=EVERYONE)
_SIGNED_IN: Final = Access(roles=PEOPLE)

ACCESS: Final[dict[str, Access]] = {
    # shell
    "shell.healthz": _EVERYONE,
    "shell.readyz": _EVERYONE,
    "shell.metrics": _EVERYONE,
    "shell.openapi": _EVERYONE,
    "shell.docs": _EVERYONE,
    "shell.problem_page": _EVERYONE,
    "shell.index": _EVERYONE,
    "static": _EVERYONE,
}
"""Endpoint name (blueprint.function) → who may call it."""
