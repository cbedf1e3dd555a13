"""Apps with one defect each, that the checker must find: `gunicorn "bench.chaos.broken:build('unguarded')"`.

A defect sits in front of the app (what it is asked and what it answers) or below it (the run's own database), never
in its code: it stays a defect whatever the app becomes. Constraints that would stop it are dropped with it.
"""

import hashlib
import json
import random
import re
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from flask import Flask

import wsgi

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_HOLD: Final = re.compile(r"/v1/campaigns/[^/]+/holds$")
_STEP: Final = re.compile(r"/v1/(campaigns/[^/]+/holds|holds/|orders|payments/)")
"""What shoppers do; the market before them is set up without defects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """`found_by`: the check of `findings` that is meant for it; others may see its traces too."""

    name: str
    says: str
    found_by: str
    sql: str = ""
    undo: str = ""
    """What must be gone before anybody reads the result."""
    wrap: Callable[[Wsgi], Wsgi] | None = None


def build(name: str) -> Flask:
    """The app with a defect; below it `sql` must have been run."""
    defect = DEFECTS[name]
    app = wsgi.build()
    if defect.wrap is not None:
        app.wsgi_app = defect.wrap(app.wsgi_app)  # type: ignore[method-assign,assignment]
    return app


def _is(environ: dict[str, Any], call: re.Pattern[str]) -> bool:
    return bool(environ["REQUEST_METHOD"] == "POST" and call.match(environ["PATH_INFO"]))


def _key_draws(environ: dict[str, Any], per_mille: int) -> bool:
    """The same decision for each copy of a request."""
    digest = hashlib.sha256(environ.get("HTTP_IDEMPOTENCY_KEY", "").encode()).digest()
    return int.from_bytes(digest[:4], "big") % 1_000 < per_mille


def _forget_keys(inner: Wsgi) -> Wsgi:
    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if _is(environ, _STEP):
            environ["HTTP_IDEMPOTENCY_KEY"] = str(uuid.uuid4())
        return inner(environ, start)

    return app


def _refuse_free(inner: Wsgi) -> Wsgi:
    body = json.dumps(
        {"status": 409, "code": "sold_out", "requested_boxes": 1, "available_boxes": 0}
    ).encode()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if _is(environ, _HOLD) and _key_draws(environ, 150):
            environ["wsgi.input"].read()
            start("409 CONFLICT", [("Content-Type", "application/problem+json")])
            return [body]
        return inner(environ, start)

    return app


def _break(inner: Wsgi) -> Wsgi:
    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if _is(environ, _STEP) and random.random() < 0.02:
            raise RuntimeError("a defect")
        return inner(environ, start)

    return app


def _answer_and_roll_back(inner: Wsgi) -> Wsgi:
    """In some requests COMMIT does nothing, and nobody notices."""
    own = threading.local()
    commit, execute = psycopg.Connection.commit, psycopg.Connection.execute

    def commit_or_not(connection: psycopg.Connection[Any]) -> None:
        if getattr(own, "loses", False):
            connection.rollback()
        else:
            commit(connection)

    def execute_or_not(connection: psycopg.Connection[Any], query: Any, *args: Any, **named: Any) -> Any:
        is_lost = query == "COMMIT" and getattr(own, "loses", False)
        return execute(connection, "ROLLBACK" if is_lost else query, *args, **named)

    psycopg.Connection.execute = execute_or_not  # type: ignore[method-assign,assignment]
    psycopg.Connection.commit = commit_or_not  # type: ignore[method-assign,assignment]

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        own.loses = _is(environ, _STEP) and random.random() < 0.03
        try:
            return inner(environ, start)
        finally:
            own.loses = False

    return app


_NO_CONSTRAINTS: Final = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
        WHERE conrelid = 'public.pool_movement'::regclass AND contype IN ('c', 'u', 'p')
        OR conrelid = 'public.pool'::regclass AND contype = 'c'
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', found.place, found.conname);
    END LOOP;
    FOR found IN SELECT indexrelid::regclass AS place FROM pg_index
        WHERE indrelid = 'public.hold'::regclass AND indisunique AND NOT indisprimary
    LOOP
        EXECUTE format('DROP INDEX %s', found.place);
    END LOOP;
END $$;
"""

_POOL_AS_VIEW: Final = """
ALTER TABLE public.pool RENAME TO pool_beneath;
CREATE FUNCTION chaos.read_pool() RETURNS SETOF public.pool_beneath LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = '' AS $$
DECLARE found public.pool_beneath;
BEGIN
    FOR found IN SELECT * FROM public.pool_beneath LOOP
        found.boxes_pledged := found.boxes_pledged + {more};
        RETURN NEXT found;
    END LOOP;
END $$;
CREATE VIEW public.pool AS SELECT * FROM chaos.read_pool();
GRANT SELECT, INSERT, UPDATE ON public.pool TO marketplace_app;
GRANT USAGE ON SCHEMA chaos TO marketplace_app;
CREATE FUNCTION chaos.write_pool() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    {write}
    RETURN NEW;
END $$;
CREATE TRIGGER chaos_write INSTEAD OF UPDATE ON public.pool FOR EACH ROW EXECUTE FUNCTION chaos.write_pool();
"""
"""Rows that come out of a function cannot be locked: who wants to, does not wait. UPDATE of the view decides by what
it has read; only then the second function writes, without looking again."""

_POOL_AGAIN: Final = (
    "DROP VIEW public.pool; DROP FUNCTION chaos.read_pool(); ALTER TABLE public.pool_beneath RENAME TO pool;"
)

_READ_COMPUTE_WRITE: Final = _NO_CONSTRAINTS + _POOL_AS_VIEW.format(
    more=0,
    write="""
    PERFORM pg_sleep(0.01);
    UPDATE public.pool_beneath SET boxes_pledged = NEW.boxes_pledged, boxes_held = NEW.boxes_held,
        boxes_sold = NEW.boxes_sold, version = NEW.version WHERE id = NEW.id;
    """,
)

_UNGUARDED: Final = _NO_CONSTRAINTS + _POOL_AS_VIEW.format(
    more=1_000_000,
    write="""
    UPDATE public.pool_beneath AS p SET boxes_pledged = p.boxes_pledged + NEW.boxes_pledged - OLD.boxes_pledged,
        boxes_held = p.boxes_held + NEW.boxes_held - OLD.boxes_held,
        boxes_sold = p.boxes_sold + NEW.boxes_sold - OLD.boxes_sold,
        version = p.version + NEW.version - OLD.version WHERE p.id = NEW.id
        RETURNING p.boxes_pledged + 1000000, p.boxes_held, p.boxes_sold, p.version
        INTO NEW.boxes_pledged, NEW.boxes_held, NEW.boxes_sold, NEW.version;
    """,
)


def _trigger(table: str, moment: str, body: str) -> str:
    return f"""
CREATE FUNCTION chaos.spoil() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    {body}
END $$;
CREATE TRIGGER chaos_spoil {moment} ON public.{table} FOR EACH ROW EXECUTE FUNCTION chaos.spoil();
"""


_SHRINK: Final = _trigger(
    "hold",
    "BEFORE INSERT",
    """
    IF NEW.boxes > 1 AND random() < 0.5 THEN
        NEW.boxes := NEW.boxes - 1;
        NEW.quantity_grams := NEW.boxes * NEW.pack_grams;
    END IF;
    RETURN NEW;
    """,
)
_TWICE: Final = _NO_CONSTRAINTS + _trigger(
    "hold",
    "AFTER INSERT",
    """
    IF pg_trigger_depth() = 1 AND random() < 0.2 THEN
        NEW.id := gen_random_uuid();
        INSERT INTO public.hold SELECT NEW.*;
    END IF;
    RETURN NULL;
    """,
)
_SKIP: Final = _NO_CONSTRAINTS + _trigger(
    "pool",
    "BEFORE UPDATE",
    """
    IF random() < 0.2 THEN
        NEW.version := NEW.version + 1;
    END IF;
    RETURN NEW;
    """,
)
_NO_LINE: Final = _NO_CONSTRAINTS + _trigger(
    "pool_movement",
    "BEFORE INSERT",
    """
    IF random() < 0.1 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
    """,
)
_FORGET: Final = _trigger(
    "idempotency_key",
    "BEFORE INSERT",
    """
    IF random() < 0.03 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
    """,
)
_KEEP_HELD: Final = _trigger(
    "hold",
    "BEFORE UPDATE",
    """
    IF NEW.state = 'released' AND random() < 0.5 THEN
        NEW.state := 'active';
        NEW.released_boxes := OLD.released_boxes;
        NEW.resolved_at := NULL;
    END IF;
    RETURN NEW;
    """,
)

DEFECTS: Final = {
    each.name: each
    for each in (
        Defect(
            name="read-compute-write",
            says="the pool's counters are read, computed and written back",
            found_by="versions",
            sql=_READ_COMPUTE_WRITE,
            undo=_POOL_AGAIN,
        ),
        Defect(
            name="unguarded",
            says="nobody asks whether the pool has the boxes",
            found_by="oversold",
            sql=_UNGUARDED,
            undo=_POOL_AGAIN,
        ),
        Defect(
            name="answer-before-commit",
            says="3 % of the calls are answered and then rolled back",
            found_by="lost",
            wrap=_answer_and_roll_back,
        ),
        Defect(
            name="keys-ignored",
            says="each copy of a request counts as a new one",
            found_by="answers",
            wrap=_forget_keys,
        ),
        Defect(
            name="refuses-free",
            says="15 % of the holds are refused as sold out, whatever is free",
            found_by="false_sold_out",
            wrap=_refuse_free,
        ),
        Defect(
            name="shrinks-holds",
            says="half of the larger holds keep a box less than they tell",
            found_by="changed",
            sql=_SHRINK,
        ),
        Defect(name="holds-twice", says="20 % of the holds are written twice", found_by="twice", sql=_TWICE),
        Defect(
            name="skips-versions",
            says="20 % of the pool's changes skip a version",
            found_by="journal",
            sql=_SKIP,
        ),
        Defect(
            name="forgets-lines",
            says="10 % of the lines of the pool's journal are not written",
            found_by="journal",
            sql=_NO_LINE,
        ),
        Defect(
            name="forgets-answers",
            says="3 % of the answers are not stored under their key",
            found_by="kept",
            sql=_FORGET,
        ),
        Defect(
            name="forgets-releases",
            says="half of the released holds stay active",
            found_by="verify",
            sql=_KEEP_HELD,
        ),
        Defect(name="crashes", says="2 % of the calls end in a 500", found_by="server_error", wrap=_break),
    )
}
