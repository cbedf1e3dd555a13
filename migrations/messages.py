"""What several migrations do to the kinds of messages: more are told, or those are forgotten again."""

import re
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from alembic import op

TABLES = ("notification", "notification_refusal")


def tell(kinds: Sequence[str]) -> None:
    """From now on these are told, too."""
    _change(lambda known: [*known, *kinds])


def forget(kinds: Sequence[str]) -> None:
    """What was told in these words is forgotten, and they are not known any more."""
    words = _listed(kinds)
    told = f"(SELECT id FROM notification WHERE kind IN ({words}))"  # noqa: S608 (our own words)
    op.execute(f"DELETE FROM notification_delivery WHERE notification_id IN {told}")  # noqa: S608 (the same)
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind IN ({words})")  # noqa: S608 (our own words)
    _change(lambda known: [kind for kind in known if kind not in kinds])


def _change(changed: Callable[[list[str]], list[str]]) -> None:
    for table in TABLES:
        name = op.f(f"ck_{table}_kind")
        asked = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
        stated = op.get_bind().execute(asked, {"name": name}).scalar_one()
        known = re.findall("'([a-z_]+)'", stated)
        op.drop_constraint(name, table)
        op.create_check_constraint(name, table, f"kind IN ({_listed(changed(known))})")


def _listed(kinds: Sequence[str]) -> str:
    return ", ".join(map(repr, kinds))
