"""The main job: load a roster, place the bulk order, sell one box of a presale. Every step is a public use case.

Each step is one transaction and looks first whether it is done, so the job may be broken off and run again.
"""

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import planning, selling
from campaigns.demo import logins as demo_logins
from campaigns.demo.logins import Logins
from campaigns.demo.roster import Roster
from campaigns.models import DELIVERY, Campaign, Item
from campaigns.pledges import pledging
from inventory import lots
from inventory.stores import cold_stores
from marketplace import database
from marketplace.access import Role
from marketplace.catalogue import cooperatives, counties, products
from marketplace.catalogue.models import Cooperative, County, Pack
from marketplace.context import Actor, Context, now_utc, system
from marketplace.identity import accounts
from marketplace.identity.models import Account
from marketplace.payments import payments
from marketplace.settings import Settings
from marketplace.values import new_id
from orders import answers, bulk, checkout, season
from orders.models import AllocationRun, Order
from orders.states import OrderKind, OrderState, ShareState

T = TypeVar("T")

Told = Callable[[str, int, int], None]
"""Progress: what is being done, how much is done, of how much."""
Land = Callable[[Session, County, Mapping[str, uuid.UUID]], str]
"""Given the cooperatives' ids by their codes in the roster."""

PRICE_MINOR: Final = 5_200
PRESALE_BOXES_MAX: Final = 200
SHOPPER_BOXES: Final = 2
SALE_DAYS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    operator: Account
    sponsor: Account
    shopper: Account
    logins: Logins


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the roster became in the database."""

    county: County
    pack: Pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the job did, or had done before."""

    county: County
    pack: Pack
    cooperatives: tuple[Cooperative, ...]
    bulk_order: Order
    run: AllocationRun
    presale: tuple[Campaign, Order] | None
    """The campaign and the shopper's order; None when the bulk order left no whole box."""
    rest_grams: int
    logins: Logins


def run(settings: Settings, roster: Roster, *, grade: str, quantity_grams: int, told: Told) -> Outcome:
    """The whole job; raises what the use cases refuse (NotEnoughFruit above all)."""
    people = _people(settings)
    ground = _in_one(lambda session: load(session, roster, grade=grade, told=told))
    boxes, rest_grams = divmod(quantity_grams, ground.pack.net_grams)
    if not boxes:
        raise bulk.NotWholeBoxes(pack_grams=ground.pack.net_grams, rest_grams=rest_grams)
    order, split = _in_one(lambda session: _buy(session, people, ground, roster, boxes=boxes, told=told))
    _agree(people, order, told=told)
    campaign = _in_one(lambda session: _launch(session, people, ground, told=told))
    presale = None if campaign is None else (campaign, _sell(people, campaign, told=told))
    with database.reading() as session:
        sellers = tuple(cooperatives.of_county(session, county_id=ground.county.id))
        order = bulk.get(session, _as(people.sponsor), order_id=order.id)
        split = bulk.get_run(session, _as(people.sponsor), run_id=split.id)
    _member_log_in(people, sellers)
    return Outcome(
        county=ground.county,
        pack=ground.pack,
        cooperatives=sellers,
        bulk_order=order,
        run=split,
        presale=presale,
        rest_grams=rest_grams,
        logins=people.logins,
    )


def _in_one(work: Callable[[Session], T]) -> T:
    return database.transact(work)


def _people(settings: Settings) -> People:
    logins = demo_logins.kept(settings) or demo_logins.keep_new(settings)

    def work(session: Session) -> People:
        operator = accounts.find_by_login(session, login=demo_logins.OPERATOR) or accounts.create(
            session,
            system(),
            name="Demo operator 演示运营",
            roles=frozenset({Role.OPERATOR}),
            login=demo_logins.OPERATOR,
            password=logins.operator_password,
        )
        shopper = accounts.find_by_phone(session, phone=logins.shopper_phone) or accounts.create(
            session,
            system(),
            name="Demo shopper 演示买家",
            roles=frozenset({Role.SHOPPER}),
            phone=logins.shopper_phone,
        )
        sponsor = accounts.find_by_login(session, login="sponsor") or accounts.create(
            session,
            system(),
            name="Virtual orchard app 虚拟果园（演示采购方）",
            roles=frozenset({Role.BUYER}),
            login="sponsor",
            password=secrets.token_urlsafe(24),
        )
        return People(operator=operator, sponsor=sponsor, shopper=shopper, logins=logins)

    return _in_one(work)


def _member_log_in(people: People, sellers: tuple[Cooperative, ...]) -> None:
    """The log-in of one cooperative: a member of the first of the roster that was loaded first."""

    def work(session: Session) -> None:
        if accounts.find_by_login(session, login=demo_logins.COOPERATIVE) is None:
            accounts.create(
                session,
                system(),
                name=f"Demo member of {sellers[0].code} 演示社员",
                roles=frozenset({Role.COOPERATIVE}),
                login=demo_logins.COOPERATIVE,
                password=people.logins.cooperative_password,
                cooperative_ids=[sellers[0].id],
            )

    _in_one(work)


def _nobody(_step: str, _done: int, _total: int) -> None:
    """Nobody looks at the progress."""


def load(
    session: Session, roster: Roster, *, grade: str, told: Told = _nobody, land: Land | None = None
) -> Ground:
    """The county of a roster with its fruit, and a pack to sell it in; what is there already stays.

    `land`: certifies the cooperatives' land before their fruit is weighed, and says which plot it is of.
    """
    county = counties.find_by_code(session, code=roster.code)
    if county is None:
        county = _load_county(session, roster, told=told, land=land)
    code = f"{roster.code}-{grade}"[:40].lower()
    pack = products.find_pack(session, code=code)
    if pack is None:
        product = products.create(
            session,
            system(),
            code=code,
            variety=roster.variety,
            grade=grade,
            size=None,
            name_en=f"{roster.variety}, grade {grade}",
            name_zh=f"{'富士' if roster.variety == 'Fuji' else '苹果'} {grade} 级",
        )
        pack = products.create_pack(
            session,
            system(),
            product_id=product.id,
            code=code,
            net_grams=roster.pack_grams,
            list_price_minor=PRICE_MINOR,
            currency="CNY",
        )
    return Ground(county=county, pack=pack)


def _load_county(session: Session, roster: Roster, *, told: Told, land: Land | None) -> County:
    ctx = system()
    county = counties.create(
        session, ctx, code=roster.code, name_en=roster.name.en, name_zh=roster.name.zh, is_demo=True
    )
    ids: dict[str, uuid.UUID] = {}
    total = len(roster.sellers) + len(roster.lots)
    for done, seller in enumerate(roster.sellers, start=1):
        made = cooperatives.create(
            session,
            ctx,
            county_id=county.id,
            code=seller.code,
            name_en=seller.name.en,
            name_zh=seller.name.zh,
            township_en=seller.township.en,
            township_zh=seller.township.zh,
            member_households=seller.households,
            members=seller.members,
        )
        ids[seller.code] = made.id
        if seller.history_grams:
            season.open_account(
                session, ctx, cooperative_id=made.id, season=roster.season, grams=seller.history_grams
            )
        told("load", done, total)
    stores = {
        code: (
            cold_stores.find_by_code(session, code=code)
            or cold_stores.create(session, ctx, code=code, name_en=code, name_zh=code, county_id=county.id)
        ).id
        for code in sorted({lot.cold_store for lot in roster.lots})
    }
    plot = None if land is None else land(session, county, ids)
    for done, lot in enumerate(roster.lots, start=len(roster.sellers) + 1):
        if lot.grams:
            lots.receive(
                session,
                ctx,
                cooperative_id=ids[lot.seller],
                cold_store_id=stores[lot.cold_store],
                code=lot.code,
                variety=lot.variety,
                grade=lot.grade,
                size=lot.size,
                storage=lot.storage,
                harvested_on=lot.harvested_on,
                best_before_on=lot.best_before_on,
                quantity_grams=lot.grams,
                plot=plot,
            )
        told("load", done, total)
    return county


def _buy(
    session: Session, people: People, ground: Ground, roster: Roster, *, boxes: int, told: Told
) -> tuple[Order, AllocationRun]:
    """The sponsor's bulk order; the one of an earlier run of the same job is found again."""
    earlier = session.scalar(
        select(Order).where(
            Order.kind == OrderKind.SPONSOR_BULK,
            Order.buyer_id == people.sponsor.id,
            Order.pack_id == ground.pack.id,
            Order.boxes == boxes,
        )
    )
    if earlier is not None:
        return earlier, bulk.runs_of(session, order_id=earlier.id)[0]
    wanted = bulk.Wanted(
        county_id=ground.county.id,
        pack_id=ground.pack.id,
        quantity_grams=boxes * ground.pack.net_grams,
        season_name=roster.season,
    )
    ctx = _as(people.sponsor)
    quoted = bulk.quote(session, ctx, wanted)
    return bulk.place(
        session,
        ctx,
        wanted,
        digest=quoted.proposal.result.digest,
        told=lambda done, total: told("hold", done, total),
    )


def _agree(people: People, order: Order, *, told: Told) -> None:
    """The operator approves, and confirms every share on its cooperative's behalf; what is done stays."""
    if order.state == OrderState.PROPOSED:
        _in_one(lambda session: answers.approve(session, _as(people.operator), order_id=order.id))
    with database.reading() as session:
        asked = [
            share.id
            for share in bulk.shares_of(session, order_id=order.id)
            if share.state == ShareState.OFFERED
        ]
    for done, share_id in enumerate(asked, start=1):
        _in_one(partial(answers.confirm, ctx=_as(people.operator), share_id=share_id))
        told("confirm", done, len(asked))


def _launch(session: Session, people: People, ground: Ground, *, told: Told) -> Campaign | None:
    """A presale of what is left, if anything: the cooperatives with most boxes pledge some each."""
    code = f"{ground.pack.code}-presale"[:40]
    earlier = session.scalar(select(Campaign).where(Campaign.code == code))
    if earlier is not None:
        return earlier
    ctx = _as(people.operator)
    closes_at = ctx.now + timedelta(days=SALE_DAYS)
    keeps_until = (closes_at + DELIVERY).date() + timedelta(days=planning.SHELF_DAYS)
    giving = _pledging(session, ground, keeps_until)
    if sum(boxes for _, boxes in giving) < SHOPPER_BOXES:
        return None
    campaign = planning.draft(
        session,
        ctx,
        code=code,
        county_id=ground.county.id,
        title_en="Spring presale: one box from the cold store",
        title_zh="春季预售：冷库直发一箱",
        opens_at=ctx.now,
        closes_at=closes_at,
        items=[{"pack_id": ground.pack.id, "unit_price_minor": PRICE_MINOR, "boxes_per_buyer_max": 10}],
    )
    item = campaign.items[0]
    for done, (cooperative_id, boxes) in enumerate(giving, start=1):
        pledging.put_up(
            session,
            ctx,
            campaign_id=campaign.id,
            item_id=item.id,
            cooperative_id=cooperative_id,
            boxes=boxes,
        )
        told("pledge", done, len(giving))
    planning.schedule(session, ctx, campaign_id=campaign.id)
    return campaign


def _pledging(session: Session, ground: Ground, keeps_until: date) -> list[tuple[uuid.UUID, int]]:
    """The five cooperatives with most boxes left that keep so long, each with what it pledges."""
    own = {each.id for each in cooperatives.of_county(session, county_id=ground.county.id)}
    left = lots.free_boxes(
        session,
        variety=ground.pack.variety,
        grade=ground.pack.grade,
        pack_grams=ground.pack.net_grams,
        locked=True,
        on=keeps_until,
    )
    ranked = sorted(
        (
            (boxes, cooperative_id)
            for cooperative_id, boxes in left.items()
            if cooperative_id in own and boxes
        ),
        key=lambda entry: (-entry[0], entry[1]),
    )
    return [(cooperative_id, min(boxes, PRESALE_BOXES_MAX)) for boxes, cooperative_id in ranked[:5]]


def _sell(people: People, campaign: Campaign, *, told: Told) -> Order:
    """A shopper holds two boxes, orders, pays by transfer; the operator books the receipt."""
    item = campaign.items[0]
    earlier = _in_one(
        lambda session: session.scalar(
            select(Order).where(
                Order.kind == OrderKind.SHOPPER_PRESALE,
                Order.buyer_id == people.shopper.id,
                Order.pack_id == item.pack_id,
                Order.state.in_((OrderState.DEPOSIT_DUE, OrderState.COMMITTED)),
            )
        )
    )
    order = earlier or _in_one(lambda session: _order(session, people, campaign, item))
    told("sell", 2, 4)
    _in_one(lambda session: _pay(session, people, order.id))
    told("sell", 4, 4)
    with database.reading() as session:
        return checkout.get(session, _as(people.shopper), order_id=order.id)


def _order(session: Session, people: People, campaign: Campaign, item: Item) -> Order:
    wanted = [selling.Wanted(item_id=item.id, boxes=SHOPPER_BOXES)]
    [held] = selling.hold_now(session, _as(people.shopper), campaign_id=campaign.id, lines=wanted)
    order, _payment = checkout.place(session, _as(people.shopper), hold_id=held.hold_id)
    return order


def _pay(session: Session, people: People, order_id: uuid.UUID) -> None:
    payment = payments.find_by_order(session, order_id)
    if payment is None or payment.resolved_at is not None:
        return
    if payment.state == "requires_confirmation":
        payments.confirm(session, _as(people.shopper), payment_id=payment.id)
    payments.book_receipt(
        session,
        _as(people.operator),
        payment_id=payment.id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        receipt_reference=f"DEMO-{new_id()}",
    )


def _as(account: Account) -> Context:
    """What the account would be at the door."""
    actor = Actor(kind="account", id=account.id, roles=account.roles, cooperative_ids=account.cooperative_ids)
    return Context(actor=actor, now=now_utc())
