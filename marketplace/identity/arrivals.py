"""Who stands before the door: the tokens of all who arrive at once are looked up in one statement.

Nothing is remembered from one request to the next, so a session that is revoked is over at once.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from flask import current_app

from marketplace import errors, express
from marketplace.access import Role
from marketplace.context import Actor
from marketplace.identity import tokens
from marketplace.together import Together

TOKEN_LENGTH_MAX: Final = 200

_LOOK: Final = """
    SELECT
    (SELECT jsonb_agg(jsonb_build_object('digest', encode(s.token_digest, 'hex'), 'session_id', s.id,
        'account_id', a.id, 'expires_at', s.expires_at,
        'roles', ARRAY(SELECT r.role FROM account_role r WHERE r.account_id = a.id),
        'cooperative_ids', ARRAY(SELECT m.cooperative_id FROM membership m WHERE m.account_id = a.id)))
        FROM login_session s JOIN account a ON a.id = s.account_id
        WHERE s.token_digest = ANY(%(digests)s::bytea[]) AND s.revoked_at IS NULL AND a.status = 'active') AS sessions,
    (SELECT jsonb_agg(jsonb_build_object('digest', encode(k.key_digest, 'hex'), 'key_id', k.id, 'scopes', k.scopes))
        FROM service_key k WHERE k.key_digest = ANY(%(digests)s::bytea[]) AND k.revoked_at IS NULL) AS service_keys
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobody:
    """A token that stands for nobody: unknown, revoked, disabled."""


NOBODY: Final = Nobody()

Known = tuple[Actor, datetime | None]
"""Who it is, and until when."""


def authenticate(token: str, *, now: datetime) -> Actor:
    """Who a bearer token or service key stands for; raises Unauthenticated, alike for every reason."""
    together = cast(
        Together[str, Known | Nobody],
        current_app.extensions.get("arrivals")
        or current_app.extensions.setdefault("arrivals", Together(lambda asked: enumerate(look_up(asked)))),
    )
    return actor_of(together.ask(token), now=now)


def look_up(given: Sequence[str]) -> list[Known | Nobody]:
    """For each of these tokens who it stands for, in one statement."""
    digests = [digest_of(each) or "" for each in given]
    asked = {"digests": sorted({bytes.fromhex(each) for each in digests if each})}
    [row] = express.line("arrivals").run(lambda work: work.look((_LOOK, asked)))
    known = {each["digest"]: account_of(each) for each in row.sessions or ()}
    known |= {each["digest"]: _service(each) for each in row.service_keys or ()}
    return [known.get(digest, NOBODY) for digest in digests]


def actor_of(found: Known | Nobody, *, now: datetime) -> Actor:
    """Raises Unauthenticated, alike for every reason."""
    if isinstance(found, Nobody) or (found[1] is not None and found[1] <= now):
        raise errors.Unauthenticated
    return found[0]


def digest_of(given: str) -> str | None:
    """The digest by which a token is known, in hexadecimal; None for what is no token of ours."""
    if len(given) > TOKEN_LENGTH_MAX or not given.isascii():
        return None
    return tokens.digest(given).hex()


def account_of(row: Mapping[str, Any]) -> Known:
    """Who a row of a session stands for: `session_id`, `account_id`, `expires_at`, `roles`, `cooperative_ids`."""
    actor = Actor(
        kind="account",
        id=uuid.UUID(row["account_id"]),
        roles=frozenset(Role(role) for role in row["roles"]),
        cooperative_ids=frozenset(uuid.UUID(each) for each in row["cooperative_ids"]),
        session_id=uuid.UUID(row["session_id"]),
    )
    return actor, datetime.fromisoformat(row["expires_at"])


def _service(row: Mapping[str, Any]) -> Known:
    actor = Actor(
        kind="service",
        id=uuid.UUID(row["key_id"]),
        roles=frozenset({Role.SERVICE}),
        scopes=frozenset(row["scopes"]),
    )
    return actor, None
