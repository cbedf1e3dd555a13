"""Bank statements as tests write them, and the way they go through the doors."""

import csv
import io
import uuid
from typing import Any
from xml.sax.saxutils import escape

from flask import Flask
from werkzeug.test import TestResponse

from marketplace import jobs
from marketplace.values import amount_text
from tests.house import Caller

HEADING = (
    "entry_key",
    "booked_on",
    "direction",
    "amount",
    "currency",
    "remittance",
    "counterparty_name",
    "counterparty_account",
)
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def line(key: str = "", **changes: Any) -> dict[str, str]:
    """A line of the generic CSV; minor units are written as people do."""
    minor = changes.pop("minor", 5_200)
    currency = changes.get("currency", "CNY")
    return {
        "entry_key": key or f"B{uuid.uuid4().hex[:10]}",
        "booked_on": "2026-11-20",
        "direction": "credit",
        "amount": amount_text(minor, currency),
        "currency": currency,
        "remittance": "",
        "counterparty_name": "李四",
        "counterparty_account": "6222020000001234",
        **changes,
    }


def table(*lines: dict[str, str], heading: tuple[str, ...] = HEADING) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, heading, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def camt_entry(
    key: str = "",
    *,
    amount: str = "52.00",
    currency: str = "CNY",
    direction: str = "CRDT",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    words: tuple[str, ...] = (),
    reversal: str = "",
    details: str | None = None,
    day: str = "<BookgDt><Dt>2026-11-20</Dt></BookgDt>",
) -> str:
    told = "".join(f"<Ustrd>{escape(each)}</Ustrd>" for each in words)
    inner = (
        details
        if details is not None
        else "<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        "<RltdPties><Dbtr><Pty><Nm>李四</Nm></Pty></Dbtr>"
        "<DbtrAcct><Id><Othr><Id>6222020000001234</Id></Othr></Id></DbtrAcct></RltdPties>"
        f"<RmtInf>{told}</RmtInf></TxDtls>"
    )
    known = f"<AcctSvcrRef>{key}</AcctSvcrRef>" if key else ""
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{reversal}{status}'
        f"{day}{known}<NtryDtls>{inner}</NtryDtls></Ntry>"
    )


def camt(*entries: str, account: str = "CN001", namespace: str = NAMESPACE, prologue: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{prologue}<Document xmlns="{namespace}">\n<BkToCstmrStmt>'
        f"<Stmt><Id>1</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id></Acct>\n"
        + "\n".join(entries)
        + "\n</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def send(
    caller: Caller,
    data: bytes,
    *,
    format: str = "generic_csv",  # noqa: A002 (as the door calls it)
    account: str = "BANK-1",
    trial: bool = False,
    content_type: str | None = None,
    key: str | None = "fresh",
) -> TestResponse:
    path = "/v1/bank-statements" + ("/trials" if trial else "")
    return caller.post(
        f"{path}?account={account}&format={format}&name=day.csv",
        data=data,
        content_type=content_type or ("application/xml" if format == "camt_053" else "text/csv"),
        key=key,
    )


def work_off(app: Flask) -> None:
    """Do what is due, as a worker would."""
    jobs.work(app, once=True)


def uploaded(app: Flask, caller: Caller, *lines: dict[str, str], **options: Any) -> dict[str, Any]:
    """A statement that was uploaded and matched, as its door shows it."""
    response = send(caller, table(*lines), **options)
    assert response.status_code == 201, response.json
    work_off(app)
    shown = caller.get(f"/v1/bank-statements/{response.json['id']}")
    assert shown.json["waiting"] == 0
    return shown.json


def entry_of(caller: Caller, key: str) -> dict[str, Any]:
    """The entry with this number of the bank, as its door shows it."""
    cursor = ""
    while True:
        page = caller.get(f"/v1/bank-entries?limit=100{cursor}").json
        for each in page["items"]:
            if each["entry_key"] == key:
                return each
        assert page["next_cursor"], f"no entry {key}"
        cursor = f"&cursor={page['next_cursor']}"


def counts(shown: dict[str, Any]) -> dict[str, int]:
    """Entries by state, or state and reason."""
    return {
        part["state"] + (f":{part['reason']}" if part["reason"] else ""): part["entries"]
        for part in shown["progress"]
    }
