"""Roles, and what it means that some of them may call an operation. Pure."""

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


def may(*roles: Role, scope: str | None = None) -> Access:
    """Any of these roles, or a service key with this scope."""
    return Access(roles=frozenset(roles), scope=scope)


OPEN_TO_ALL: Final = Access(roles=EVERYONE)
SIGNED_IN: Final = Access(roles=PEOPLE)
TOLD: Final = Access(roles=PEOPLE - {Role.AUDITOR})
"""Who is told things. An auditor takes part in nothing."""
