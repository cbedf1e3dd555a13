"""Facts, accounts and statements as JSON values: what a settlement was made of can be stored, and made again. Pure.

The shapes are those of the dataclasses, named field by field. A statement's digest is over its facts, the account
before, its lines and the account after: who signs it or objects to it means exactly these.
"""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from orders.settlements.account import Account
from orders.settlements.facts import Facts
from orders.settlements.rules import Statement, settle

T = TypeVar("T")


class FormRefused(ValueError):
    """A document that is not of the shape asked for; `pointer` says where."""

    def __init__(self, pointer: str, reason: str) -> None:
        self.pointer = pointer
        self.reason = reason
        super().__init__(f"{pointer or '/'}: {reason}")


def to_json(value: Any) -> Any:
    """The JSON value of facts, accounts and all that is in them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def from_json(kind: type[T], value: object, *, at: str = "") -> T:
    """Reads what `to_json` wrote. Raises FormRefused with the first fault."""
    return typing.cast(T, _read(kind, value, at))


def statement_to_json(statement: Statement) -> dict[str, Any]:
    """All of it, with its sums and its digest."""
    told = told_of(statement)
    return {
        **told,
        "earned_minor": statement.earned_minor,
        "before_netting_minor": statement.before_netting_minor,
        "payout_minor": statement.payout_minor,
        "currency": statement.currency,
        "digest": digest_of(canonical(told)),
    }


def told_of(statement: Statement) -> dict[str, Any]:
    """What its digest is over."""
    return {
        "facts": to_json(statement.facts),
        "before": to_json(statement.before),
        "lines": [
            {
                "kind": line.kind.value,
                "reference": line.reference,
                "detail": line.detail,
                "amount_minor": line.amount_minor,
                "formula": {"of": type(line.formula).__name__.lower(), **to_json(line.formula)},
                "formula_en": line.formula.text(statement.currency).en,
                "formula_zh": line.formula.text(statement.currency).zh,
            }
            for line in statement.lines
        ],
        "after": to_json(statement.after),
    }


def settled_from_json(value: object) -> Statement:
    """Settles `{"facts": …, "before": …}`; without a `before`, with an empty account. Raises FormRefused."""
    if not isinstance(value, Mapping) or "facts" not in value:
        raise FormRefused("", "an object with facts, and before")
    if unknown := sorted(set(value) - {"facts", "before"}):
        raise FormRefused(f"/{unknown[0]}", "not known")
    facts = from_json(Facts, value["facts"], at="/facts")
    empty = Account(currency=facts.currency)
    before = from_json(Account, value["before"], at="/before") if "before" in value else empty
    try:
        return settle(facts, before)
    except ValueError as wrong:
        raise FormRefused("", str(wrong)) from wrong


def canonical(told: dict[str, Any]) -> str:
    """The text of which the digest is: the same for the same statement."""
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _read(kind: Any, value: object, at: str) -> object:
    if isinstance(kind, types.UnionType):
        (kind,) = (each for each in typing.get_args(kind) if each is not types.NoneType)
        return None if value is None else _read(kind, value, at)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise FormRefused(at, "a list")
        (inner, _) = typing.get_args(kind)
        return tuple(_read(inner, each, f"{at}/{n}") for n, each in enumerate(value))
    if dataclasses.is_dataclass(kind):
        return _object(kind, value, at)
    if kind is date or issubclass(kind, StrEnum):
        return _named(kind, value, at)
    if type(value) is not kind:
        raise FormRefused(at, {int: "a whole number", str: "a text", bool: "true or false"}[kind])
    return value


def _object(kind: Any, value: object, at: str) -> object:
    if not isinstance(value, Mapping):
        raise FormRefused(at, "an object")
    told = {each.name: each for each in dataclasses.fields(kind)}
    if unknown := sorted(set(value) - set(told)):
        raise FormRefused(f"{at}/{unknown[0]}", "not known")
    for name, field in told.items():
        if name not in value and field.default is dataclasses.MISSING:
            raise FormRefused(f"{at}/{name}", "missing")
    hints = typing.get_type_hints(kind)
    members = {name: _read(hints[name], each, f"{at}/{name}") for name, each in value.items()}
    try:
        return kind(**members)
    except ValueError as wrong:
        raise FormRefused(at, str(wrong)) from wrong


def _named(kind: Any, value: object, at: str) -> object:
    if not isinstance(value, str):
        raise FormRefused(at, "a text")
    try:
        return date.fromisoformat(value) if kind is date else kind(value)
    except ValueError as wrong:
        raise FormRefused(at, str(wrong)) from wrong
