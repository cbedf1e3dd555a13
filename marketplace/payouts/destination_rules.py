"""A bank account that a cooperative is paid to: what makes one, how it is stored and shown. Pure.

Details of a refusal never repeat what was typed, and nobody is shown more of a number than its end.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

from marketplace import errors
from marketplace.payouts import batches
from marketplace.payouts.batches import Account, Charset, Fault

SHOWN: Final = 4
"""So many characters of a number are shown, and never more than a third of it."""
_MEMBERS: Final = {Fault.NAME: "holder", Fault.ACCOUNT: "number", Fault.BANK: "bic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """Whose account it is, at which bank, its number or IBAN, and the bank's BIC or CNAPS number."""

    holder: str
    bank: str
    number: str = ""
    iban: str = ""
    bic: str = ""
    cnaps: str = ""

    @property
    def payee(self) -> Account:
        return Account(name=self.holder, iban=self.iban, number=self.number, bic=self.bic, cnaps=self.cnaps)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, plain: bytes) -> "BankAccount":
        return cls(**json.loads(plain))


def checked(account: BankAccount) -> BankAccount:
    """In its one form: IBAN and BIC in capitals, without blanks. Raises Invalid with everything that is wrong."""
    plain = BankAccount(
        holder=" ".join(account.holder.split()),
        bank=" ".join(account.bank.split()),
        number=_joined(account.number),
        iban=_joined(account.iban).upper(),
        bic=_joined(account.bic).upper(),
        cnaps=_joined(account.cnaps),
    )
    wrong = [
        {"pointer": f"/bank_account/{_MEMBERS[fault]}", "detail": _both(fault)}
        for fault in batches.account_faults(plain.payee, Charset.CHINESE)
    ]
    if wrong:
        raise errors.Invalid(errors=wrong)
    return plain


def masked(number: str) -> str:
    """`••••1234`: enough to know one's own account again, too little to use it."""
    shown = min(SHOWN, len(number) // 3)
    return f"••••{number[len(number) - shown :]}"


def ending(account: BankAccount) -> str:
    return masked(account.iban or account.number)


def _joined(text: str) -> str:
    return "".join(text.split())


def _both(fault: Fault) -> str:
    said = batches.FAULTS[fault]
    return f"{said.en} {said.zh}"
