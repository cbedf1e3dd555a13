"""The statement of a sponsorship: what was bought, allocated, redeemed and expired, in boxes, kilograms and money."""

import csv
import io
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import pools
from marketplace.catalogue.models import Cooperative
from marketplace.values import kilograms_text
from orders.models import Order
from orders.sponsoring import tranching
from orders.sponsoring.models import SponsorDraw, SponsoredShare, SponsorPayable, Sponsorship
from orders.sponsoring.rules import Figures, Tranche
from orders.sponsoring.states import DrawKind, DrawState, SponsorshipState
from orders.states import OrderState

CSV_HEADER: Final = ("part", "name", "boxes", "kilograms", "minor", "currency")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLine:
    """One cooperative's share: how far it has come, and what is payable of each tranche."""

    cooperative_id: Any
    code: str
    name_en: str
    name_zh: str
    share_id: Any
    boxes: int
    boxes_taken_in: int
    boxes_delivered: int
    payable: dict[Tranche, int]


def figures_of(session: Session, sponsorship: Sponsorship) -> Figures:
    """What is bought is what was agreed until it is split, and what of it cooperatives had from then on."""
    order = None if sponsorship.order_id is None else session.get(Order, sponsorship.order_id)
    bought = sponsorship.boxes
    if order is not None and sponsorship.state not in (SponsorshipState.FUNDED, SponsorshipState.CANCELLED):
        bought = 0 if order.state == OrderState.CANCELLED else order.boxes
    allocated, taken_in, delivered = session.execute(
        select(
            func.coalesce(func.sum(SponsoredShare.boxes), 0),
            func.coalesce(func.sum(SponsoredShare.boxes_taken_in), 0),
            func.coalesce(func.sum(SponsoredShare.boxes_delivered), 0),
        ).where(SponsoredShare.sponsorship_id == sponsorship.id)
    ).one()
    pool = None if sponsorship.pool_id is None else pools.get(session, pool_id=sponsorship.pool_id)
    return Figures(
        bought=bought,
        allocated=int(allocated),
        pooled=pool.boxes_pledged if pool else 0,
        redeemed=pool.boxes_sold if pool else 0,
        held=pool.boxes_held if pool else 0,
        expired=drawn(session, sponsorship, state=DrawState.EXPIRED),
        taken_in=int(taken_in),
        delivered=int(delivered),
    )


def drawn(
    session: Session, sponsorship: Sponsorship, *, state: DrawState, kind: DrawKind | None = None
) -> int:
    """The boxes of draws that are so, of one kind or of all."""
    statement = select(func.coalesce(func.sum(SponsorDraw.boxes), 0)).where(
        SponsorDraw.sponsorship_id == sponsorship.id, SponsorDraw.state == state
    )
    if kind is not None:
        statement = statement.where(SponsorDraw.kind == kind)
    return int(session.execute(statement).scalar_one())


def share_lines(session: Session, sponsorship: Sponsorship) -> list[ShareLine]:
    """By the codes of the cooperatives."""
    shares = tranching.shares_of(session, sponsorship.id)
    selling = {each.cooperative_id for each in shares}
    sellers = {
        each.id: each for each in session.scalars(select(Cooperative).where(Cooperative.id.in_(selling)))
    }
    payable: dict[Any, dict[Tranche, int]] = {}
    for row in session.scalars(select(SponsorPayable).where(SponsorPayable.sponsorship_id == sponsorship.id)):
        payable.setdefault(row.share_id, {})[Tranche(row.tranche)] = row.amount_minor
    lines = [
        ShareLine(
            cooperative_id=each.cooperative_id,
            code=cooperative.code,
            name_en=cooperative.name_en,
            name_zh=cooperative.name_zh,
            share_id=each.share_id,
            boxes=each.boxes,
            boxes_taken_in=each.boxes_taken_in,
            boxes_delivered=each.boxes_delivered,
            payable={tranche: payable.get(each.share_id, {}).get(tranche, 0) for tranche in Tranche},
        )
        for each, cooperative in ((each, sellers[each.cooperative_id]) for each in shares)
    ]
    return sorted(lines, key=lambda line: (line.code, str(line.share_id)))


def statement(session: Session, sponsorship: Sponsorship) -> dict[str, Any]:
    """All of it, in the form of `schemas.Statement`."""
    lines = share_lines(session, sponsorship)
    paid_by_shoppers = session.execute(
        select(func.coalesce(func.sum(Order.total_minor), 0))
        .join(SponsorDraw, SponsorDraw.order_id == Order.id)
        .where(SponsorDraw.sponsorship_id == sponsorship.id, SponsorDraw.state == DrawState.REDEEMED)
    ).scalar_one()
    counts = figures_of(session, sponsorship).counts()
    return {
        "sponsorship": sponsorship,
        "figures": [
            {
                "name": name,
                "boxes": boxes,
                "quantity_grams": boxes * sponsorship.pack_grams,
                "kilograms": kilograms_text(boxes * sponsorship.pack_grams),
                "value_minor": boxes * sponsorship.unit_price_minor,
            }
            for name, boxes in counts.items()
        ],
        "redeemed_by": {
            kind.value: drawn(session, sponsorship, state=DrawState.REDEEMED, kind=kind) for kind in DrawKind
        },
        "escrow": {
            "escrowed_minor": sponsorship.escrowed_minor,
            "released_minor": sponsorship.released_minor,
            "returned_minor": sponsorship.returned_minor,
            "in_escrow_minor": sponsorship.escrow_minor,
        },
        "tranches": [
            {"tranche": tranche.value, "payable_minor": sum(line.payable[tranche] for line in lines)}
            for tranche in Tranche
        ],
        "shares": [
            {
                **{name: getattr(line, name) for name in _SHOWN},
                "payable_minor": sum(line.payable.values()),
            }
            for line in lines
        ],
        "shoppers_paid_minor": int(paid_by_shoppers),
        "currency": sponsorship.currency,
    }


def csv_text(told: dict[str, Any]) -> str:
    """The statement as a table: one row for each figure, each posting of the escrow, tranche and share."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(CSV_HEADER)
    grams, currency = told["sponsorship"].pack_grams, told["currency"]
    for each in told["figures"]:
        table.writerow(
            ("figure", each["name"], each["boxes"], each["kilograms"], each["value_minor"], currency)
        )
    for name, minor in told["escrow"].items():
        table.writerow(("escrow", name.removesuffix("_minor"), "", "", minor, currency))
    for each in told["tranches"]:
        table.writerow(("tranche", each["tranche"], "", "", each["payable_minor"], currency))
    for each in told["shares"]:
        weight = kilograms_text(each["boxes"] * grams)
        table.writerow(("share", each["code"], each["boxes"], weight, each["payable_minor"], currency))
    return out.getvalue()


_SHOWN: Final = (
    "cooperative_id",
    "code",
    "name_en",
    "name_zh",
    "share_id",
    "boxes",
    "boxes_taken_in",
    "boxes_delivered",
)
