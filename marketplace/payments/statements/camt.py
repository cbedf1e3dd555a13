"""Statements as ISO 20022 camt.053: read from a stream of tags, entry by entry, nothing fetched or expanded. Pure.

A document type is refused before anything it declares is read, so no entity can grow or name a file. Versions 02 to
13 of the message differ in where a few words stand; both places are looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from xml.parsers import expat

from marketplace.payments.statements.lines import (
    ACCOUNT_MAX,
    NAME_MAX,
    TEXT_MAX,
    CellRefused,
    Entry,
    Reading,
    bounded,
    clean,
    key_of,
    minor_of,
    refused,
)
from marketplace.payments.statements.states import Direction, LineFault, StatementFault
from marketplace.values import MINOR_DIGITS

DEPTH_MAX: Final = 32
_NAMESPACE: Final = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(?:0[2-9]|1[0-3])")
_DIRECTIONS: Final = {"CRDT": Direction.CREDIT, "DBIT": Direction.DEBIT}
_NO_REFERENCE: Final = "NOTPROVIDED"
_DAY: Final = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


@dataclass(slots=True)
class _Node:
    tag: str
    line: int
    currency: str = ""
    words: list[str] = field(default_factory=list)
    children: list["_Node"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return clean("".join(self.words))

    def all(self, *way: str) -> Iterator["_Node"]:
        """Every node at the end of this way."""
        if not way:
            yield self
            return
        for child in self.children:
            if child.tag == way[0]:
                yield from child.all(*way[1:])

    def first(self, *ways: str) -> str:
        """The text at the first of these ways (`A/B`) that has one."""
        for way in ways:
            for found in self.all(*way.split("/")):
                if found.text:
                    return found.text
        return ""


def read(data: bytes) -> Reading:
    """The file's entries and bad lines. Raises StatementRefused."""
    if not data.strip():
        raise refused(StatementFault.EMPTY)
    return _Stream().read(data)


class _Stream:
    """Follows the tags; an entry's subtree is kept until it ends, and nothing else is."""

    def __init__(self) -> None:
        self._reading = Reading()
        self._accounts: set[str] = set()
        self._way: list[str] = []
        self._nodes: list[_Node] = []
        self._namespace = ""
        self._has_statement = False
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.EntityDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._words

    def read(self, data: bytes) -> Reading:
        try:
            self._parser.Parse(data, True)
        except (expat.ExpatError, ValueError, LookupError):
            raise refused(StatementFault.NOT_XML, line=self._line) from None
        if not self._has_statement:
            raise refused(StatementFault.NOT_CAMT)
        if len(self._accounts) > 1:
            raise refused(StatementFault.SEVERAL_ACCOUNTS)
        return self._reading

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber

    def _refuse_doctype(self, *_declared: object) -> None:
        raise refused(StatementFault.DOCTYPE, line=self._line)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        if not self._way:
            self._check_root(namespace, tag)
        if namespace != self._namespace:
            tag = f"{{{namespace}}}{tag}"  # a supplement of somebody else's: known by no way
        self._way.append(tag)
        if len(self._way) > DEPTH_MAX:
            raise refused(StatementFault.TOO_DEEP, line=self._line)
        self._has_statement = self._has_statement or self._way == ["Document", "BkToCstmrStmt", "Stmt"]
        if self._nodes or (self._way[:3] == _STATEMENT and self._way[3:] in (["Ntry"], ["Acct"])):
            node = _Node(tag=tag, line=self._line, currency=attributes.get("Ccy", ""))
            if self._nodes:
                self._nodes[-1].children.append(node)
            self._nodes.append(node)

    def _check_root(self, namespace: str, tag: str) -> None:
        if tag != "Document" or not _NAMESPACE.fullmatch(namespace):
            raise refused(StatementFault.NOT_CAMT, line=self._line)
        self._namespace = namespace

    def _words(self, words: str) -> None:
        if self._nodes:
            self._nodes[-1].words.append(words)

    def _end(self, _name: str) -> None:
        self._way.pop()
        if not self._nodes:
            return
        node = self._nodes.pop()
        if self._nodes:
            return
        if node.tag == "Acct":
            self._accounts.add(node.first("Id/IBAN", "Id/Othr/Id"))
            return
        for read_one in _movements(node):
            self._reading.count(node.line)
            try:
                self._reading.entries.append(read_one())
            except CellRefused as problem:
                self._reading.bad.append(problem.at(node.line))


_STATEMENT: Final = ["Document", "BkToCstmrStmt", "Stmt"]


def _movements(node: _Node) -> Iterator["_Movement"]:
    """One for each entry; of an entry that bundles several transactions one for each of them, if they add up to it."""
    parts = list(node.all("NtryDtls", "TxDtls"))
    if len(parts) <= 1:
        yield _Movement(node, parts[0] if parts else _Node(tag="TxDtls", line=node.line))
        return
    try:
        together = sum(_amount(part) for part in parts)
        adds_up = together == _amount(node) and len({_currency(each) for each in (node, *parts)}) == 1
    except CellRefused:
        adds_up = False
    if not adds_up:
        yield _Movement(node, parts[0], fault=LineFault.PARTS_DIFFER)
        return
    own = [part.first("Refs/AcctSvcrRef") for part in parts]
    has_own = all(own) and len({*own, node.first("AcctSvcrRef")}) > len(own)
    for number, part in enumerate(parts, start=1):
        yield _Movement(node, part, number=number, has_own_key=has_own)


@dataclass(frozen=True, slots=True)
class _Movement:
    """One entry, or one transaction of it."""

    entry: _Node
    part: _Node
    number: int | None = None
    has_own_key: bool = False
    """The bank numbers the transactions, too, and no two of them alike."""
    fault: LineFault | None = None

    def __call__(self) -> Entry:
        """Raises CellRefused."""
        entry, part = self.entry, self.part
        if self.fault is not None:
            raise CellRefused(self.fault, column="Ntry", value=entry.first("AcctSvcrRef"))
        if entry.first("Sts/Cd", "Sts") != "BOOK":
            raise CellRefused(LineFault.NOT_BOOKED_YET, column="Sts", value=entry.first("Sts/Cd", "Sts"))
        direction = _DIRECTIONS.get(entry.first("CdtDbtInd"))
        if direction is None:
            raise CellRefused(LineFault.DIRECTION_UNKNOWN, column="CdtDbtInd", value=entry.first("CdtDbtInd"))
        other = "Dbtr" if direction is Direction.CREDIT else "Cdtr"
        return Entry(
            line=entry.line,
            key=self._key(),
            direction=direction,
            is_reversal=entry.first("RvslInd") in ("true", "1"),
            amount_minor=_amount(entry if self.number is None else part),
            currency=_currency(entry if self.number is None else part),
            booked_on=_day(entry),
            remittance=bounded(self._remittance(), TEXT_MAX),
            counterparty_name=bounded(
                part.first(f"RltdPties/{other}/Pty/Nm", f"RltdPties/{other}/Nm"), NAME_MAX
            ),
            counterparty_account=bounded(
                part.first(f"RltdPties/{other}Acct/Id/IBAN", f"RltdPties/{other}Acct/Id/Othr/Id"), ACCOUNT_MAX
            ),
        )

    def _key(self) -> str:
        own = self.part.first("Refs/AcctSvcrRef")
        bundle = self.entry.first("AcctSvcrRef")
        if self.number is None:
            return key_of(bundle or own)
        return key_of(own if self.has_own_key else bundle and f"{bundle}/{self.number}")

    def _remittance(self) -> str:
        """All that the payer may have written; a text that goes over several lines is one."""
        part = self.part
        texts = [
            " ".join(found.text for found in part.all("RmtInf", "Ustrd")),
            part.first("RmtInf/Strd/CdtrRefInf/Ref"),
            part.first("Refs/EndToEndId"),
            part.first("AddtlTxInf"),
            self.entry.first("AddtlNtryInf") if self.number is None else "",
        ]
        return " | ".join(dict.fromkeys(text for text in texts if text and text != _NO_REFERENCE))


def _money(node: _Node) -> _Node:
    """Where the amount stands: of a transaction in one of two places, by version."""
    for way in (("Amt",), ("AmtDtls", "TxAmt", "Amt")):
        for found in node.all(*way):
            return found
    raise CellRefused(LineFault.AMOUNT_MISSING, column="Amt")


def _currency(node: _Node) -> str:
    found = _money(node).currency
    if found not in MINOR_DIGITS:
        raise CellRefused(LineFault.CURRENCY_UNKNOWN, column="Ccy", value=found)
    return found


def _amount(node: _Node) -> int:
    try:
        return minor_of(_money(node).text, _currency(node), may_end_in_zeros=True)
    except CellRefused as problem:
        problem.column = problem.column or "Amt"
        raise


def _day(entry: _Node) -> date:
    found = entry.first("BookgDt/Dt", "BookgDt/DtTm")
    try:
        day = date.fromisoformat(found[:10])
    except ValueError:
        day = None
    if day is None or not _DAY.fullmatch(found[:10]):
        raise CellRefused(LineFault.DAY_UNREADABLE, column="BookgDt", value=found)
    return day
