"""Connect: accounts and their onboarding, transfers out of the platform's balance, and their reversals."""

from typing import Any, Final

from tests.stripe_stand_in import shapes
from tests.stripe_stand_in.books import Books, Refused, Row, _whole

COUNTRIES: Final = {"US", "GB", "DE", "FR", "CH", "CA", "NL"}
"""Where self-serve payouts reach; mainland China is not among them."""
NEEDED: Final = ["business_profile.url", "external_account", "tos_acceptance.date"]


class Connect:
    def __init__(self, books: Books) -> None:
        self.books = books

    def route(self, method: str, path: list[str], params: Row) -> Row:
        match method, path:
            case "POST", ["accounts"]:
                return self.create_account(params)
            case "POST", ["account_links"]:
                return self.create_link(params)
            case "POST", ["transfers"]:
                return self.create_transfer(params)
            case "POST", ["transfers", transfer_id, "reversals"]:
                return self.reverse(transfer_id, params)
            case "GET", ["transfers", transfer_id, "reversals"]:
                return self.books.get("transfer", transfer_id)["reversals"]  # type: ignore[no-any-return]
            case _:
                raise Refused(f"Unrecognized request URL ({method}: /v1/{'/'.join(path)}).", status=404)

    def create_account(self, params: Row) -> Row:
        country = params.get("country", "US")
        if country not in COUNTRIES:
            raise Refused(f"{country} is not currently supported by Stripe.", param="country")
        account = self.books.add(
            "account",
            business_profile={"mcc": None, "name": None, "url": None},
            business_type=params.get("business_type"),
            capabilities={"transfers": "inactive"},
            charges_enabled=False,
            controller={"type": "application", "is_controller": True},
            country=country,
            default_currency="usd",
            details_submitted=False,
            email=params.get("email"),
            metadata=params.get("metadata", {}),
            payouts_enabled=False,
            requirements=_requirements(NEEDED),
            settings={"payouts": {"schedule": {"interval": "daily"}}},
            tos_acceptance={"date": None},
            type=params.get("type", "express"),
        )
        self.books.tell("account.updated", account)
        return account

    def create_link(self, params: Row) -> Row:
        account = self.books.get("account", params.get("account", ""), param="account")
        for name in ("refresh_url", "return_url", "type"):
            if not params.get(name):
                raise Refused(f"Missing required param: {name}.", param=name, code="parameter_missing")
        link: dict[str, Any] = shapes.empty("account_link")
        return link | {
            "created": self.books.now,
            "expires_at": self.books.now + 300,
            "url": f"https://connect.stripe.test/setup/{account['id']}",
        }

    def onboard(self, account_id: str) -> Row:
        """The cooperative has filled in everything, and Stripe has looked at it."""
        account = self.books.rows[account_id]
        account |= {
            "details_submitted": True,
            "payouts_enabled": True,
            "charges_enabled": True,
            "requirements": _requirements([]),
            "capabilities": {"transfers": "active"},
        }
        self.books.tell("account.updated", account)
        return account

    @property
    def balance(self) -> int:
        """What lies on the platform's own balance."""
        return sum(entry["net"] for entry in self.books.all("balance_transaction"))

    def create_transfer(self, params: Row) -> Row:
        account = self.books.get("account", params.get("destination", ""), param="destination")
        amount = _whole(params, "amount") or 0
        if amount < 1 or not params.get("currency"):
            raise Refused("Missing required param: amount.", param="amount", code="parameter_missing")
        if account["capabilities"].get("transfers") != "active":
            raise Refused(
                "Your destination account needs to have at least one of the following capabilities enabled: transfers",
                code="insufficient_capabilities_for_transfer",
            )
        source = params.get("source_transaction")
        if source is not None:
            charge = self.books.get("charge", source, param="source_transaction")
            sent = sum(
                each["amount"] for each in self.books.all("transfer") if each["source_transaction"] == source
            )
            if sent + amount > charge["amount_captured"]:
                raise Refused("Transfers cannot exceed the amount of the source charge.", param="amount")
        elif amount > self.balance:
            raise Refused(
                "You have insufficient available funds in your Stripe account.", code="balance_insufficient"
            )
        transfer = self.books.add(
            "transfer",
            amount=amount,
            amount_reversed=0,
            currency=params["currency"],
            description=params.get("description"),
            destination=account["id"],
            metadata=params.get("metadata", {}),
            reversed=False,
            source_transaction=source,
            source_type="card",
            transfer_group=params.get("transfer_group"),
        )
        transfer["reversals"] = shapes.listed([], f"/v1/transfers/{transfer['id']}/reversals")
        entry = self.books._entry(-amount, transfer, kind="transfer")
        transfer["balance_transaction"] = entry["id"]
        self.books.tell("transfer.created", transfer)
        return transfer

    def reverse(self, transfer_id: str, params: Row) -> Row:
        transfer = self.books.get("transfer", transfer_id)
        left = transfer["amount"] - transfer["amount_reversed"]
        amount = _whole(params, "amount") or left
        if amount > left or left == 0:
            raise Refused(
                f"Reversal amount ({amount}) is greater than unreversed amount on transfer ({left})",
                param="amount",
            )
        reversal = self.books.add(
            "transfer_reversal",
            amount=amount,
            currency=transfer["currency"],
            metadata=params.get("metadata", {}),
            transfer=transfer_id,
        )
        entry = self.books._entry(amount, transfer, kind="transfer_refund")
        reversal["balance_transaction"] = entry["id"]
        transfer["amount_reversed"] += amount
        transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
        transfer["reversals"]["data"].insert(0, dict(reversal))
        self.books.tell("transfer.reversed", transfer)
        return reversal


def _requirements(due: list[str]) -> Row:
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": "requirements.past_due" if due else None,
        "errors": [],
        "eventually_due": due,
        "past_due": due,
        "pending_verification": [],
    }
