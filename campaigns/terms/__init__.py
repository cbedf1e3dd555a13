"""At what price a campaign sells, what is due when, and who gets what of it. Pure."""

from campaigns.terms.checking import BalanceWindow, ItemTerms, TermsNotAllowed, check
from campaigns.terms.ladder import Step, price_at, reached
from campaigns.terms.pricing import Priced, PricedStep, price
from campaigns.terms.waterfall import PARTS, Waterfall

__all__ = (
    "PARTS",
    "BalanceWindow",
    "ItemTerms",
    "Priced",
    "PricedStep",
    "Step",
    "TermsNotAllowed",
    "Waterfall",
    "check",
    "price",
    "price_at",
    "reached",
)
