"""The part of pain.001.001.09 that we write, as its schema has it: which elements, in which order, how often, holding
what. It shares nothing with the code that writes.
"""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

SPACE = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
MAX35 = r".{1,35}"
MAX140 = r".{1,140}"
DECIMAL = r"[0-9]{1,18}|(?=[0-9.]{3,19}$)[0-9]+\.[0-9]+"
COUNT = r"[0-9]{1,15}"
BIC = r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?"
IBAN = r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
INSTANT = DAY + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
AMOUNT = r"(?=[0-9.]{1,19}$)[0-9]+(\.[0-9]{1,5})?"


@dataclass(frozen=True)
class Part:
    """A child: how often it may be there, and what it holds: a pattern, or children of its own."""

    tag: str
    holds: "str | list[Part]"
    low: int = 1
    high: int | None = 1


BANK = [
    Part(
        "FinInstnId",
        [
            Part("BICFI", BIC, low=0),
            Part(
                "ClrSysMmbId", [Part("ClrSysId", [Part("Cd", r".{1,5}")], low=0), Part("MmbId", MAX35)], low=0
            ),
            Part("Nm", MAX140, low=0),
            Part("Othr", [Part("Id", MAX35)], low=0),
        ],
    )
]
ACCOUNT = [Part("Id", [Part("IBAN", IBAN, low=0), Part("Othr", [Part("Id", r".{1,34}")], low=0)])]
PARTY = [Part("Nm", MAX140, low=0)]
TRANSFER = [
    Part("PmtId", [Part("InstrId", MAX35, low=0), Part("EndToEndId", MAX35)]),
    Part("Amt", [Part("InstdAmt", AMOUNT)]),
    Part("ChrgBr", "DEBT|CRED|SHAR|SLEV", low=0),
    Part("CdtrAgt", BANK, low=0),
    Part("Cdtr", PARTY, low=0),
    Part("CdtrAcct", ACCOUNT, low=0),
    Part("RmtInf", [Part("Ustrd", MAX140, low=0, high=None)], low=0),
]
BLOCK = [
    Part("PmtInfId", MAX35),
    Part("PmtMtd", "CHK|TRF|TRA"),
    Part("BtchBookg", "true|false", low=0),
    Part("NbOfTxs", COUNT, low=0),
    Part("CtrlSum", DECIMAL, low=0),
    Part("ReqdExctnDt", [Part("Dt", DAY)]),
    Part("Dbtr", PARTY),
    Part("DbtrAcct", ACCOUNT),
    Part("DbtrAgt", BANK),
    Part("ChrgBr", "DEBT|CRED|SHAR|SLEV", low=0),
    Part("CdtTrfTxInf", TRANSFER, high=None),
]
HEAD = [
    Part("MsgId", MAX35),
    Part("CreDtTm", INSTANT),
    Part("NbOfTxs", COUNT),
    Part("CtrlSum", DECIMAL, low=0),
    Part("InitgPty", PARTY),
]
DOCUMENT = [Part("CstmrCdtTrfInitn", [Part("GrpHdr", HEAD), Part("PmtInf", BLOCK, high=None)])]


def faults(node: Element, holds: "str | list[Part]" = DOCUMENT, way: str = "Document") -> list[str]:
    """Where the node is not as the schema has it."""
    if isinstance(holds, str):
        is_right = not len(node) and re.fullmatch(holds, node.text or "", re.DOTALL)
        return [] if is_right else [f"{way}: {node.text!r}"]
    found, rest = [], list(node)
    for part in holds:
        some = []
        while rest and rest[0].tag == f"{SPACE}{part.tag}":
            some.append(rest.pop(0))
        if len(some) < part.low or (part.high is not None and len(some) > part.high):
            found.append(f"{way}/{part.tag}: {len(some)} times")
        for each in some:
            found += faults(each, part.holds, f"{way}/{part.tag}")
    return found + [f"{way}: {each.tag} is out of place" for each in rest]


def amounts(node: Element) -> list[tuple[str, str]]:
    """Every amount as it is written, with its currency."""
    return [(each.text or "", each.attrib["Ccy"]) for each in node.iter(f"{SPACE}InstdAmt")]


def texts(node: Element, tag: str) -> list[str]:
    return [each.text or "" for each in node.iter(f"{SPACE}{tag}")]
