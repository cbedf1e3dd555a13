"""What a bank is told to pay, checked as a whole before a file is written. Pure; integers only.

A batch is refused with all that is wrong in it, so that nobody mends one line after the other.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text
from marketplace.values import MINOR_DIGITS, TOTAL_MINOR_MAX

ID_MAX: Final = 35
NAME_MAX: Final = 140
PURPOSE_MAX: Final = 140
ACCOUNT_MAX: Final = 34
PAYOUTS_MAX: Final = 10_000

_LATIN: Final = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*")
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2066-\u2069\ufeff\ud800-\udfff]"
)
_ID: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9\-:.]*[A-Za-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9A-Za-z\-]+")
_BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_CNAPS: Final = re.compile(r"[0-9]{12}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_FORMULA: Final = re.compile(r"[=+\-@']")


class Charset(StrEnum):
    LATIN = "latin"
    """Letters, digits, blanks and / - ? : ( ) . , ' + alone: what every bank abroad takes."""
    CHINESE = "chinese"
    """Any letters that can be seen: for banks in China."""


class Fault(StrEnum):
    EMPTY = "empty"
    TOO_MANY = "too_many"
    ID = "id"
    ID_TWICE = "id_twice"
    AMOUNT = "amount"
    CURRENCY = "currency"
    NAME = "name"
    PURPOSE = "purpose"
    ACCOUNT = "account"
    BANK = "bank"


FAULTS: Final[dict[Fault, Text]] = {
    Fault.EMPTY: Text(en="There is nothing to pay.", zh="没有需要支付的款项。"),
    Fault.TOO_MANY: Text(
        en=f"A batch has at most {PAYOUTS_MAX:,} payouts.", zh=f"每批最多 {PAYOUTS_MAX:,} 笔。"
    ),
    Fault.ID: Text(
        en=f"An id has 1 to {ID_MAX} letters, digits, '-', ':', '.', a letter or digit at both ends.",
        zh=f"编号须为 1 至 {ID_MAX} 个字母、数字、“-”、“:”或“.”，首尾为字母或数字。",
    ),
    Fault.ID_TWICE: Text(en="This id is there twice.", zh="编号重复。"),
    Fault.AMOUNT: Text(en="The amount is not above zero, or too large.", zh="金额须大于零且不超过上限。"),
    Fault.CURRENCY: Text(en="The currency is not known here.", zh="不支持该币种。"),
    Fault.NAME: Text(
        en=f"A name has 1 to {NAME_MAX} characters that the bank takes.",
        zh=f"户名须为银行接受的 1 至 {NAME_MAX} 个字符。",
    ),
    Fault.PURPOSE: Text(
        en=f"A purpose has at most {PURPOSE_MAX} characters that the bank takes.",
        zh=f"用途最多 {PURPOSE_MAX} 个银行接受的字符。",
    ),
    Fault.ACCOUNT: Text(
        en=f"The account is neither an IBAN that is right nor a number of at most {ACCOUNT_MAX} letters and digits.",
        zh=f"账号既不是正确的 IBAN，也不是最多 {ACCOUNT_MAX} 位字母数字的账号。",
    ),
    Fault.BANK: Text(
        en="The bank has a BIC, a CNAPS number of 12 digits, or neither; not both.",
        zh="开户行须为 BIC 或 12 位联行号之一，或留空，不可同时填写。",
    ),
}


class BatchRefused(errors.Invalid):
    """The batch has faults; `errors` names them by payout. No file was written."""

    title = Text(en="The payouts cannot be written to a file.", zh="付款批次有误，未生成文件。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where money leaves or arrives: whose account, its number, and its bank by BIC or CNAPS number."""

    name: str
    iban: str = ""
    number: str = ""
    bic: str = ""
    cnaps: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """One transfer. Its id comes back in the bank's answers and statements."""

    id: str
    payee: Account
    amount_minor: int
    currency: str
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is paid together, from one account on one day."""

    id: str
    payer: Account
    created_at: datetime
    execute_on: date
    payouts: tuple[Payout, ...]
    charset: Charset = Charset.CHINESE

    @property
    def currencies(self) -> tuple[str, ...]:
        """Each once, in the order of the alphabet."""
        return tuple(sorted({each.currency for each in self.payouts}))

    def of(self, currency: str) -> tuple[Payout, ...]:
        return tuple(each for each in self.payouts if each.currency == currency)


def check(batch: Batch) -> None:
    """Raises BatchRefused with all that is wrong."""
    found = [
        {"payout": payout_id, "fault": str(fault), "detail": FAULTS[fault]}
        for payout_id, fault in _faults(batch)
    ]
    if found:
        raise BatchRefused(errors=found)


def amount_of(payouts: tuple[Payout, ...]) -> str:
    """The sum of all amounts as a decimal number, whatever their currencies: what ISO 20022 calls the control sum."""
    digits = max(MINOR_DIGITS.values())
    scaled = sum(each.amount_minor * 10 ** (digits - MINOR_DIGITS[each.currency]) for each in payouts)
    units, rest = divmod(scaled, 10**digits)
    shown = max((MINOR_DIGITS[each.currency] for each in payouts), default=0)
    return f"{units}.{rest:0{digits}d}"[: len(str(units)) + 1 + shown] if shown else str(units)


def _faults(batch: Batch) -> Iterator[tuple[str, Fault]]:
    if not batch.payouts:
        yield batch.id, Fault.EMPTY
    if len(batch.payouts) > PAYOUTS_MAX:
        yield batch.id, Fault.TOO_MANY
    if not _is_id(batch.id, high=ID_MAX - len("-CNY")):
        yield batch.id, Fault.ID
    yield from ((batch.id, fault) for fault in account_faults(batch.payer, batch.charset))
    seen = Counter(each.id for each in batch.payouts)
    for payout in batch.payouts:
        if seen[payout.id] > 1:
            yield payout.id, Fault.ID_TWICE
        yield from ((payout.id, fault) for fault in _payout_faults(payout, batch.charset))


def _payout_faults(payout: Payout, charset: Charset) -> Iterator[Fault]:
    if not _is_id(payout.id):
        yield Fault.ID
    if payout.currency not in MINOR_DIGITS:
        yield Fault.CURRENCY
    if isinstance(payout.amount_minor, bool) or not 0 < payout.amount_minor <= TOTAL_MINOR_MAX:
        yield Fault.AMOUNT
    if not _is_text(payout.purpose, PURPOSE_MAX, charset):
        yield Fault.PURPOSE
    yield from account_faults(payout.payee, charset)


def account_faults(account: Account, charset: Charset) -> Iterator[Fault]:
    if not account.name.strip() or not _is_text(account.name, NAME_MAX, charset):
        yield Fault.NAME
    if account.iban:
        is_right = not account.number and is_iban(account.iban)
    else:
        is_right = len(account.number) <= ACCOUNT_MAX and _NUMBER.fullmatch(account.number) is not None
    if not is_right or _FORMULA.match(account.number):
        yield Fault.ACCOUNT
    bic_fits = not account.bic or _BIC.fullmatch(account.bic) is not None
    cnaps_fits = not account.cnaps or _CNAPS.fullmatch(account.cnaps) is not None
    if not bic_fits or not cnaps_fits or (account.bic and account.cnaps):
        yield Fault.BANK


def is_iban(text: str) -> bool:
    """By its form and its check digits (ISO 13616, modulo 97)."""
    if not _IBAN.fullmatch(text):
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _is_id(text: str, *, high: int = ID_MAX) -> bool:
    return len(text) <= high and _ID.fullmatch(text) is not None


def _is_text(text: str, high: int, charset: Charset) -> bool:
    """Nothing that cannot be seen, and nothing that a spreadsheet would run."""
    if len(text) > high or _UNSEEN.search(text) or _FORMULA.match(text):
        return False
    return charset is Charset.CHINESE or _LATIN.fullmatch(text) is not None
