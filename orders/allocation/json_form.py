"""Problems and answers as JSON values, in the shape of docs/allocation.schema.json.

Exact numbers travel as strings such as "135/13". Reading refuses what it does not know: unknown members,
missing members, booleans or floats where integers belong.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final, TypeVar, cast

from orders.allocation.problem import Link, Order, Policy, Problem, Seller
from orders.allocation.refusal import Fault, ProblemRefused
from orders.allocation.result import (
    LIMITS,
    Allocation,
    Bound,
    Certificate,
    Limit,
    Mark,
    OrderCut,
    OrderFill,
    OrderMark,
    Segment,
    SellerCut,
    Share,
    Shipment,
)

_EXACT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,199})(?:/[1-9][0-9]{0,199})?", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class AllocationUnreadable(ValueError):
    """A stored or submitted answer does not have the shape of one."""


def problem_from_json(document: object) -> Problem:
    """Reads a problem. Raises ProblemRefused with every fault of shape, else every fault of value."""
    faults = tuple(_faults_of_shape(document))
    if faults:
        raise ProblemRefused(faults)
    members = cast(Mapping[str, Any], document)
    links = members.get("links")
    return Problem(
        sellers=tuple(Seller(**seller) for seller in members["sellers"]),
        orders=tuple(Order(**order) for order in members["orders"]),
        links=None if links is None else tuple(Link(**link) for link in links),
        policy=Policy(**members.get("policy", {})),
    )


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """Every member written out, defaults included."""
    return {
        "sellers": [_members_of(seller) for seller in problem.sellers],
        "orders": [_members_of(order) for order in problem.orders],
        "links": None if problem.links is None else [_members_of(link) for link in problem.links],
        "policy": _members_of(problem.policy),
    }


def input_hash(problem: Problem) -> str:
    """SHA-256 of the problem's canonical JSON; the order of sellers, orders and links does not matter."""
    return hashlib.sha256(_canonical(_in_id_order(problem)).encode()).hexdigest()


def digest_of(problem: Problem, seller_packs: Mapping[str, int], order_packs: Mapping[str, int]) -> str:
    """SHA-256 of the canonical JSON of the problem and of both sides' totals."""
    totals = {"sellers": dict(seller_packs), "orders": dict(order_packs)}
    document = {"problem": _in_id_order(problem), "totals": totals}
    return hashlib.sha256(_canonical(document).encode()).hexdigest()


def allocation_to_json(allocation: Allocation) -> dict[str, Any]:
    """The answer as JSON values, exact numbers as strings."""
    return {
        "shipments": [_members_of(shipment) for shipment in allocation.shipments],
        "sellers": [_exact_members(share) for share in allocation.sellers],
        "orders": [_exact_members(order) for order in allocation.orders],
        "segments": [_segment_to_json(segment) for segment in allocation.segments],
        "certificate": _certificate_to_json(allocation.certificate),
        "method": allocation.method,
        "gap": _exact(allocation.gap),
        "unfilled_packs": allocation.unfilled_packs,
        "digest": allocation.digest,
    }


def allocation_from_json(document: object) -> Allocation:
    """Reads an answer back. Raises AllocationUnreadable; whether it is a right answer is for `verify`."""
    top = _Reader.of(document, "")
    allocation = Allocation(
        shipments=top.each("shipments", _shipment),
        sellers=top.each("sellers", _share),
        orders=top.each("orders", _order_fill),
        segments=top.each("segments", _segment),
        certificate=_certificate(top.inner("certificate")),
        method=top.text("method"),
        gap=top.fraction("gap"),
        unfilled_packs=top.whole("unfilled_packs"),
        digest=top.text("digest"),
    )
    if not _DIGEST.fullmatch(allocation.digest):
        raise AllocationUnreadable("/digest is not 64 lower-case hexadecimal digits")
    top.finish()
    return allocation


def _faults_of_shape(document: object) -> Iterator[Fault]:
    if not isinstance(document, Mapping):
        yield Fault.of("", "wrong_type", expected="object")
        return
    yield from faults_of_members(document, "", ("sellers", "orders"), ("links", "policy"))
    kinds: tuple[tuple[str, type[Seller | Order | Link]], ...] = (
        ("sellers", Seller),
        ("orders", Order),
        ("links", Link),
    )
    for name, kind in kinds:
        values = document.get(name)
        if isinstance(values, list):
            for index, value in enumerate(values):
                yield from _faults_of_record(value, f"/{name}/{index}", kind)
        elif name in document and not (name == "links" and values is None):
            yield Fault.of(f"/{name}", "wrong_type", expected="array")
    if "policy" in document:
        yield from _faults_of_record(document["policy"], "/policy", Policy)


def _faults_of_record(value: object, at: str, kind: type[Seller | Order | Link | Policy]) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault.of(at, "wrong_type", expected="object")
        return
    fields = dataclasses.fields(kind)
    required = tuple(field.name for field in fields if field.default is dataclasses.MISSING)
    optional = tuple(field.name for field in fields if field.name not in required)
    yield from faults_of_members(value, at, required, optional)


def faults_of_members(
    value: Mapping[Any, Any], at: str, required: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[Fault]:
    for name in required:
        if name not in value:
            yield Fault.of(f"{at}/{name}", "missing")
    for name in value:
        if name not in required and name not in optional:
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield Fault.of(f"{at}/{escaped}", "unknown_member")


def _members_of(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _exact_members(record: Share | OrderFill) -> dict[str, Any]:
    members = _members_of(record)
    return {name: str(value) if isinstance(value, Fraction) else value for name, value in members.items()}


def _segment_to_json(segment: Segment) -> dict[str, Any]:
    """Tiers are written only where there are any."""
    members: dict[str, Any] = {
        "line": _exact(segment.line),
        "sellers": [*segment.sellers],
        "orders": [*segment.orders],
    }
    tiers = {"tier": segment.tier, "seller_tier": segment.seller_tier}
    return members | {name: tier for name, tier in tiers.items() if tier}


def _cut_to_json(cut: SellerCut | OrderCut) -> dict[str, Any]:
    return {
        "tier": cut.tier,
        "sellers": [*cut.sellers],
        "orders": [*cut.orders],
        "last_served": _mark_to_json(cut.last_served),
        "first_refused": _mark_to_json(cut.first_refused),
    }


def _certificate_to_json(certificate: Certificate) -> dict[str, Any]:
    members: dict[str, Any] = {
        "last_served": _mark_to_json(certificate.last_served),
        "first_refused": _mark_to_json(certificate.first_refused),
    }
    if certificate.bound is not None:
        members["bound"] = {"price": str(certificate.bound.price), "fee": str(certificate.bound.fee)}
    if certificate.seller_cuts or certificate.order_cuts:
        members["seller_cuts"] = [_cut_to_json(cut) for cut in certificate.seller_cuts]
        members["order_cuts"] = [_cut_to_json(cut) for cut in certificate.order_cuts]
    return members


def _mark_to_json(mark: Mark | OrderMark | None) -> dict[str, Any] | None:
    if mark is None:
        return None
    who = {"seller": mark.seller} if isinstance(mark, Mark) else {"order": mark.order}
    return {**who, "pack": mark.pack, "key": str(mark.key), "second": _exact(mark.second)}


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _in_id_order(problem: Problem) -> dict[str, Any]:
    document = problem_to_json(problem)
    document["sellers"].sort(key=lambda seller: seller["id"])
    document["orders"].sort(key=lambda order: order["id"])
    if document["links"] is not None:
        document["links"].sort(key=lambda link: (link["seller"], link["order"]))
    return document


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


_Part = TypeVar("_Part")


class _Reader:
    """One JSON object, read member by member; `finish` refuses what nobody asked for."""

    def __init__(self, members: Mapping[str, Any], at: str) -> None:
        self._members = dict(members)
        self._at = at

    @classmethod
    def of(cls, value: object, at: str) -> "_Reader":
        if not isinstance(value, Mapping):
            raise AllocationUnreadable(f"{at or '/'} is not an object")
        return cls(value, at)

    def take(self, name: str) -> Any:
        try:
            return self._members.pop(name)
        except KeyError:
            raise AllocationUnreadable(f"{self._at}/{name} is missing") from None

    def text(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str):
            raise AllocationUnreadable(f"{self._at}/{name} is not a string")
        return value

    def whole(self, name: str) -> int:
        value = self.take(name)
        if type(value) is not int:
            raise AllocationUnreadable(f"{self._at}/{name} is not an integer")
        return value

    def whole_or_none(self, name: str) -> int | None:
        return self.whole(name) if self._members.get(name, 0) is not None else self.take(name)

    def fraction(self, name: str) -> Fraction:
        value = self.text(name)
        if not _EXACT.fullmatch(value):
            raise AllocationUnreadable(f"{self._at}/{name} is not an exact number")
        return Fraction(value)

    def fraction_or_none(self, name: str) -> Fraction | None:
        return self.fraction(name) if self._members.get(name, "") is not None else self.take(name)

    def inner(self, name: str) -> "_Reader":
        return _Reader.of(self.take(name), f"{self._at}/{name}")

    def inner_or_none(self, name: str) -> "_Reader | None":
        return self.inner(name) if self._members.get(name, "") is not None else self.take(name)

    def inner_if_there(self, name: str) -> "_Reader | None":
        return self.inner(name) if name in self._members else None

    def whole_if_there(self, name: str) -> int:
        return self.whole(name) if name in self._members else 0

    def each_if_there(self, name: str, read: "Callable[[_Reader], _Part]") -> tuple[_Part, ...]:
        return self.each(name, read) if name in self._members else ()

    def each(self, name: str, read: "Callable[[_Reader], _Part]") -> tuple[_Part, ...]:
        parts = []
        for index, value in enumerate(self._array(name)):
            reader = _Reader.of(value, f"{self._at}/{name}/{index}")
            parts.append(read(reader))
            reader.finish()
        return tuple(parts)

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._array(name)
        if not all(isinstance(value, str) for value in values):
            raise AllocationUnreadable(f"{self._at}/{name} is not an array of strings")
        return tuple(values)

    def _array(self, name: str) -> list[Any]:
        values = self.take(name)
        if not isinstance(values, list):
            raise AllocationUnreadable(f"{self._at}/{name} is not an array")
        return values

    def finish(self) -> None:
        if self._members:
            raise AllocationUnreadable(f"{self._at}/{next(iter(self._members))} is not a known member")


def _shipment(read: _Reader) -> Shipment:
    return Shipment(seller=read.text("seller"), order=read.text("order"), packs=read.whole("packs"))


def _share(read: _Reader) -> Share:
    limit = read.text("limited_by")
    if limit not in LIMITS:
        raise AllocationUnreadable(f"limited_by is not one of {', '.join(LIMITS)}")
    return Share(
        id=read.text("id"),
        packs=read.whole("packs"),
        exact_packs=read.fraction("exact_packs"),
        level_before=read.fraction("level_before"),
        level_after=read.fraction("level_after"),
        limited_by=cast(Limit, limit),
    )


def _order_fill(read: _Reader) -> OrderFill:
    return OrderFill(
        id=read.text("id"),
        packs=read.whole("packs"),
        unfilled_packs=read.whole("unfilled_packs"),
        unfilled_grams=read.whole_or_none("unfilled_grams"),
        level_before=read.fraction_or_none("level_before"),
        level_after=read.fraction_or_none("level_after"),
    )


def _segment(read: _Reader) -> Segment:
    return Segment(
        line=read.fraction_or_none("line"),
        sellers=read.texts("sellers"),
        orders=read.texts("orders"),
        tier=read.whole_if_there("tier"),
        seller_tier=read.whole_if_there("seller_tier"),
    )


def _certificate(read: _Reader) -> Certificate:
    certificate = Certificate(
        last_served=_mark(read.inner_or_none("last_served")),
        first_refused=_mark(read.inner_or_none("first_refused")),
        bound=_bound(read.inner_if_there("bound")),
        seller_cuts=read.each_if_there("seller_cuts", _seller_cut),
        order_cuts=read.each_if_there("order_cuts", _order_cut),
    )
    read.finish()
    return certificate


def _seller_cut(read: _Reader) -> SellerCut:
    return SellerCut(
        tier=read.whole("tier"),
        sellers=read.texts("sellers"),
        orders=read.texts("orders"),
        last_served=_mark(read.inner_or_none("last_served")),
        first_refused=_mark(read.inner_or_none("first_refused")),
    )


def _order_cut(read: _Reader) -> OrderCut:
    return OrderCut(
        tier=read.whole("tier"),
        sellers=read.texts("sellers"),
        orders=read.texts("orders"),
        last_served=_order_mark(read.inner_or_none("last_served")),
        first_refused=_order_mark(read.inner_or_none("first_refused")),
    )


def _order_mark(read: _Reader | None) -> OrderMark | None:
    if read is None:
        return None
    mark = OrderMark(
        order=read.text("order"),
        pack=read.whole("pack"),
        key=read.fraction("key"),
        second=read.fraction_or_none("second"),
    )
    read.finish()
    return mark


def _bound(read: _Reader | None) -> Bound | None:
    if read is None:
        return None
    bound = Bound(price=read.fraction("price"), fee=read.fraction("fee"))
    read.finish()
    return bound


def _mark(read: _Reader | None) -> Mark | None:
    if read is None:
        return None
    mark = Mark(
        seller=read.text("seller"),
        pack=read.whole("pack"),
        key=read.fraction("key"),
        second=read.fraction_or_none("second"),
    )
    read.finish()
    return mark
