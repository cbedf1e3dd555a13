"""A batch as ISO 20022 pain.001.001.09: one block of payments for each currency, each with its count and sum. Pure."""

from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from marketplace.payouts import batches
from marketplace.payouts.batches import Account, Batch, Payout
from marketplace.values import amount_text, instant_text

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_HEAD: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_CHINESE_CLEARING: Final = "CNAPS"


def write(batch: Batch) -> bytes:
    """The file in UTF-8; the same batch is always the same file. Raises BatchRefused."""
    batches.check(batch)
    root = Element("Document", xmlns=NAMESPACE)
    message = SubElement(root, "CstmrCdtTrfInitn")
    head = SubElement(message, "GrpHdr")
    _say(head, "MsgId", batch.id)
    _say(head, "CreDtTm", instant_text(batch.created_at.replace(microsecond=0)))
    _count(head, batch.payouts)
    _say(SubElement(head, "InitgPty"), "Nm", batch.payer.name)
    for currency in batch.currencies:
        _block(message, batch, currency)
    indent(root)
    body: str = tostring(root, encoding="unicode")
    return _HEAD + body.encode()


def _block(message: Element, batch: Batch, currency: str) -> None:
    payouts = batch.of(currency)
    block = SubElement(message, "PmtInf")
    _say(block, "PmtInfId", f"{batch.id}-{currency}")
    _say(block, "PmtMtd", "TRF")
    _say(block, "BtchBookg", "false")
    _count(block, payouts)
    _say(SubElement(block, "ReqdExctnDt"), "Dt", batch.execute_on.isoformat())
    _say(SubElement(block, "Dbtr"), "Nm", batch.payer.name)
    _account(SubElement(block, "DbtrAcct"), batch.payer)
    _bank(SubElement(block, "DbtrAgt"), batch.payer)
    _say(block, "ChrgBr", "SHAR")
    for payout in payouts:
        _transfer(SubElement(block, "CdtTrfTxInf"), payout)


def _transfer(node: Element, payout: Payout) -> None:
    known = SubElement(node, "PmtId")
    _say(known, "InstrId", payout.id)
    _say(known, "EndToEndId", payout.id)
    amount = SubElement(SubElement(node, "Amt"), "InstdAmt", Ccy=payout.currency)
    amount.text = amount_text(payout.amount_minor, payout.currency)
    if payout.payee.bic or payout.payee.cnaps:
        _bank(SubElement(node, "CdtrAgt"), payout.payee)
    _say(SubElement(node, "Cdtr"), "Nm", payout.payee.name)
    _account(SubElement(node, "CdtrAcct"), payout.payee)
    if payout.purpose:
        _say(SubElement(node, "RmtInf"), "Ustrd", payout.purpose)


def _account(node: Element, account: Account) -> None:
    known = SubElement(node, "Id")
    if account.iban:
        _say(known, "IBAN", account.iban)
    else:
        _say(SubElement(known, "Othr"), "Id", account.number)


def _bank(node: Element, account: Account) -> None:
    """By BIC or by its number in China; the payer's own bank knows itself without either."""
    bank = SubElement(node, "FinInstnId")
    if account.bic:
        _say(bank, "BICFI", account.bic)
    elif account.cnaps:
        member = SubElement(bank, "ClrSysMmbId")
        _say(SubElement(member, "ClrSysId"), "Cd", _CHINESE_CLEARING)
        _say(member, "MmbId", account.cnaps)
    else:
        _say(SubElement(bank, "Othr"), "Id", "NOTPROVIDED")


def _count(node: Element, payouts: tuple[Payout, ...]) -> None:
    _say(node, "NbOfTxs", str(len(payouts)))
    _say(node, "CtrlSum", batches.amount_of(payouts))


def _say(node: Element, tag: str, text: str) -> None:
    SubElement(node, tag).text = text
