"""Who carries money to cooperatives: a bank that gets a file for many, or Stripe that gets a call for each. No SQL."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

from marketplace.payments.gateways import ConnectGateway
from marketplace.payments.gateways.interface import TransferSeen
from marketplace.payouts import bank_csv, pain001
from marketplace.payouts.bank_csv import Encoding
from marketplace.payouts.batches import Account, Batch, Charset
from marketplace.payouts.batches import Payout as Line
from marketplace.payouts.states import BatchFormat, Method

LATIN_ALONE: Final = frozenset({BatchFormat.PAIN_001})
"""Banks abroad take few characters in these; in yuan they go to banks in China."""
CHINESE_CURRENCY: Final = "CNY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One payout as its provider is told of it: at a bank to `payee`, at Stripe to `account`."""

    payout_id: uuid.UUID
    reference: str
    amount_minor: int
    currency: str
    memo: str
    group: str
    """What is paid for: all attempts to pay the same are found together."""
    payee: Account | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What became of it: a file that somebody takes to the bank, or the provider's own number of a transfer."""

    file: bytes | None = None
    receipt: str | None = None


class PayoutProvider(Protocol):
    """What every way to a cooperative can do."""

    method: Method

    def carry(self, instructions: Sequence[Instruction]) -> Carried:
        """Told the same again it has one effect."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFile:
    """A file for a bank: all or nothing of it is written, and the same again each time. Asks nobody."""

    reference: str
    payer: Account
    format: BatchFormat
    made_at: datetime
    execute_on: date
    method = Method.BANK

    def carry(self, instructions: Sequence[Instruction]) -> Carried:
        """Raises BatchRefused with all that is wrong."""
        is_latin = self.format in LATIN_ALONE and any(
            each.currency != CHINESE_CURRENCY for each in instructions
        )
        batch = Batch(
            id=self.reference,
            payer=self.payer,
            created_at=self.made_at,
            execute_on=self.execute_on,
            payouts=tuple(_line(each) for each in instructions),
            charset=Charset.LATIN if is_latin else Charset.CHINESE,
        )
        if self.format == BatchFormat.PAIN_001:
            return Carried(file=pain001.write(batch))
        encoding = Encoding.GB18030 if self.format == BatchFormat.CSV_GB18030 else Encoding.UTF_8
        return Carried(file=bank_csv.write(batch, encoding=encoding))


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeTransfers:
    """A transfer to the cooperative's account, under a key of ours. May raise GatewayUnavailable, GatewayRefuses."""

    gateway: ConnectGateway
    key: str
    method = Method.STRIPE

    def carry(self, instructions: Sequence[Instruction]) -> Carried:
        [one] = instructions
        assert one.account is not None, "a transfer goes to an account"
        seen = self.gateway.transfer(
            payout_id=one.payout_id,
            account=one.account,
            amount_minor=one.amount_minor,
            currency=one.currency,
            group=one.group,
            key=self.key,
        )
        return Carried(receipt=seen.provider_id)

    def found(self, one: Instruction) -> Carried | None:
        """What an attempt has done of which nobody heard."""
        seen = self.gateway.find_transfer(group=one.group, payout_id=one.payout_id)
        return None if seen is None else Carried(receipt=seen.provider_id)

    def take_back(self, receipt: str) -> TransferSeen:
        return self.gateway.reverse_transfer(provider_id=receipt, key=self.key)


def _line(one: Instruction) -> Line:
    assert one.payee is not None, "a bank pays to an account that it is told"
    return Line(
        id=one.reference,
        payee=one.payee,
        amount_minor=one.amount_minor,
        currency=one.currency,
        purpose=one.memo,
    )
