"""A season step by step, by the use cases, desks and jobs of every day; after each step every promise is checked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.allotting import allotting
from campaigns.allotting.models import Commitment
from campaigns.allotting.rules import CommitmentState
from campaigns.demo.season import buying, facts, ground, labels, paying, paying_out, sending
from campaigns.demo.season.buying import Buyer
from campaigns.demo.season.facts import Seen
from campaigns.demo.season.ground import Ground
from campaigns.demo.season.plan import (
    ADVANCED,
    DECLINING,
    DEFAULT_PERCENT,
    HAILED,
    SALE_DAYS,
    Plan,
    Shopper,
)
from campaigns.demo.season.world import World
from campaigns.models import Campaign
from campaigns.shortage import electing, offering
from campaigns.shortage.models import Shortage, ShortageOffer
from campaigns.shortage.rules import Choice
from campaigns.shortage.states import OfferState, ShortageState
from inventory.models import Hold
from inventory.quality import quality
from inventory.states import HoldKind
from marketplace import database, verify
from marketplace.jobs import worker
from marketplace.module import Job
from orders import checkout
from orders.models import Order
from orders.states import OrderState

OWN: Final = ("campaigns.", "orders.", "inventory.")
"""The jobs that a season waits for. Messages are written, and not sent to people who are made up."""

Told = Callable[[str, int, int], None]
"""Progress inside of a step: what is being done, how much of how much."""


class NotAsPlanned(Exception):
    """The season took another way than its plan: a fault of ours, which the message names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step was, what is to be seen after it, and which promises are broken: none, or the season ends here."""

    name: str
    look: Seen
    broken: tuple[str, ...]
    notes: dict[str, int]


@dataclass(slots=True, kw_only=True)
class Season:
    """A season on its way."""

    world: World
    plan: Plan
    told: Told
    purse: paying.Purse = field(default_factory=paying.Transfers)
    ground: Ground | None = None
    people: paying_out.People | None = None
    buyers: dict[int, Buyer] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def here(self) -> Ground:
        assert self.ground is not None, "the ground is laid first"
        return self.ground

    @property
    def state(self) -> str:
        with database.reading() as session:
            return session.get_one(Campaign, self.here.campaign_id, populate_existing=True).state

    def play(self) -> Iterator[Step]:
        """Each step once it is done. Raises NotAsPlanned."""
        for name, work, state in (
            ("planned", self._plan, "scheduled"),
            ("sold", self._sell, "deposit_open"),
            ("allocating", self._close, "allocating"),
            ("allocated", self._answer, "harvested"),
            ("hail", self._hail, "harvested"),
            ("short", self._fall_short, "shortfall"),
            ("settled", self._settle, "shortfall harvested balance_open"),
            ("balance_open", self._open_balance, "balance_open"),
            ("balance_paid", self._pay_balances, "balance_open"),
            ("balance_closed", self._close_balance, "balance_closed"),
            ("paid_back", self._pay_back, "balance_closed"),
            ("advanced", self._advance, "balance_closed"),
            ("sent", self._send, "fulfilling"),
            ("delivered", self._deliver, "completed"),
            ("claims_over", self._let_claims_end, "completed"),
            ("statements", self._state_accounts, "completed"),
            ("paid_out", self._pay_out, "settled"),
        ):
            notes = work()
            if self.state not in state.split():
                raise NotAsPlanned(f"after the step {name!r} the campaign is {self.state}, not {state}")
            step = self._look(name, notes)
            self.steps.append(step)
            yield step

    def result(self) -> dict[str, Any]:
        """All that is to be seen of the season, without an id: the same seed and size make the same."""
        here = self.here
        numbers = {each.account_id: each.number for each in self.buyers.values()}
        with database.reading() as session:
            return {
                "seed": self.plan.seed,
                "shoppers": len(self.plan.shoppers),
                "steps": [
                    {**facts.as_row(each.name, each.look, each.broken), "notes": each.notes}
                    for each in self.steps
                ],
                "cooperatives": facts.cooperatives(
                    session, campaign_id=here.campaign_id, pool_id=here.pool_id
                ),
                "shortage": facts.shortage(session, campaign_id=here.campaign_id),
                "orders": facts.orders(session, numbers),
            }

    def _plan(self) -> dict[str, int]:
        self.ground = ground.lay(self.plan)
        everybody = [each.number for each in self.plan.shoppers]
        for some in _parts(everybody):
            self.buyers |= {each.number: each for each in buying.arrive(some)}
            self.told("arrive", len(self.buyers), len(everybody))
        return {"cooperatives": len(self.here.cooperatives), "goal_boxes": self.plan.goal_boxes}

    def _sell(self) -> dict[str, int]:
        """Day by day: who comes holds, orders and pays; who does not pay loses the boxes; some withdraw in time."""
        opens_at, _ = self._window()
        served = 0
        for day in range(SALE_DAYS):
            self._go(opens_at + timedelta(days=day, hours=9))
            for some in _parts(self.plan.of_day(day)):
                self._buy(some)
                served += len(some)
                self.told("buy", served, len(self.plan.shoppers))
            if day:
                self._withdraw(self.plan.of_day(day - 1))
            self._go(opens_at + timedelta(days=day, hours=20))
        return {
            "with_coupon": sum(each.has_coupon for each in self.plan.shoppers),
            "never_paid": sum(not each.pays for each in self.plan.shoppers),
            "withdrew": sum(each.withdraws and each.day < SALE_DAYS - 1 for each in self.plan.shoppers),
        }

    def _close(self) -> dict[str, int]:
        _, closes_at = self._window()
        self._go(closes_at + timedelta(hours=1))
        return {"asked": len(self._offered())}

    def _answer(self) -> dict[str, int]:
        """Two say no; the others yes, and yes again to what the two gave back."""
        self.world.clock.wait(hours=5)
        declining = set(self.plan.pick("declining", [each.code for each in self._offered()], DECLINING))
        declined = confirmed = 0
        while asked := self._offered():
            for each in asked:
                says_no = each.code in declining
                answer = partial(
                    allotting.answer,
                    ctx=self.here.ctx,
                    commitment_id=each.id,
                    boxes=0 if says_no else None,
                    reason="no packers" if says_no else None,
                )
                database.transact(answer)
                declined += says_no
                confirmed += not says_no
                self.told("answer", declined + confirmed, declined + confirmed + len(self._offered()))
        return {"declined": declined, "confirmed": confirmed}

    def _hail(self) -> dict[str, int]:
        """Four of the smaller cooperatives find the marks of hail on their largest lot: it does not leave."""
        self.world.clock.wait(hours=48)
        with database.reading() as session:
            pledges = list(
                session.scalars(
                    select(Hold).where(
                        Hold.pool_id == self.here.pool_id,
                        Hold.kind == HoldKind.PLEDGE,
                        Hold.state == "active",
                    )
                )
            )
        largest: dict[Any, Hold] = {}
        for each in sorted(pledges, key=lambda hold: (hold.open_boxes, hold.id)):
            largest.pop(each.cooperative_id, None)
            largest[each.cooperative_id] = each
        smaller = list(largest)[: len(largest) // 2]
        codes = {each.id: each.code for each in self.here.cooperatives}
        hit = self.plan.pick("hail", sorted(smaller, key=lambda each: codes[each]), HAILED)
        for cooperative_id in hit:
            lot_id = largest[cooperative_id].lot_id
            assert lot_id is not None
            database.transact(
                partial(quality.quarantine, ctx=self.here.ctx, lot_id=lot_id, reason="hail marks 冰雹伤果")
            )
        return {"cooperatives": len(hit), "boxes": sum(largest[each].open_boxes for each in hit)}

    def _fall_short(self) -> dict[str, int]:
        """The jobs find what is missing, and neighbours are asked: each gives half; who is asked again says nothing."""
        self._minute()
        missing = self._shortage()
        if missing is None:
            raise NotAsPlanned("nothing is missing after the hail")
        self.world.clock.wait(hours=6)
        given = 0
        asked = self._open_offers()
        for each in asked:
            boxes = each.boxes // 2
            work: Callable[[Session], ShortageOffer] = (
                partial(offering.accept, ctx=self.here.ctx, offer_id=each.id, boxes=boxes)
                if boxes
                else partial(offering.decline, ctx=self.here.ctx, offer_id=each.id)
            )
            database.transact(work)
            given += boxes
        self._go(self.world.clock.now + timedelta(hours=24))
        return {
            "missing_boxes": missing.committed_boxes - missing.supply_boxes,
            "neighbours_asked": len(asked),
            "neighbours_gave_boxes": given,
        }

    def _settle(self) -> dict[str, int]:
        """Buyers choose for two days; then what is there is shared out."""
        spoke = 0
        self._go(self.world.clock.now + timedelta(hours=12))
        choosing = [each for each in self.plan.shoppers if each.choice != Choice.NO_PREFERENCE]
        states = self._states()
        for each in choosing:
            buyer = self.buyers[each.number]
            if buyer.order_id is not None and states.get(buyer.order_id) == OrderState.COMMITTED:
                wanted = each.boxes - 1 if each.choice == Choice.FEWER else None
                elect = partial(
                    electing.elect,
                    ctx=buyer.ctx,
                    order_id=buyer.order_id,
                    choosing=electing.Choosing(choice=each.choice, wanted_boxes=wanted),
                )
                database.transact(elect)
                spoke += 1
                self.told("choose", spoke, len(choosing))
        self._go(self.world.clock.now + timedelta(hours=48))
        self._minute()
        settled = self._shortage()
        if settled is None or settled.state != ShortageState.SETTLED:
            raise NotAsPlanned("the shortage is not settled")
        return {"spoke": spoke}

    def _open_balance(self) -> dict[str, int]:
        with database.reading() as session:
            opens_at = session.get_one(Campaign, self.here.campaign_id).balance_opens_at
        assert opens_at is not None
        self._go(max(opens_at, self.world.clock.now) + timedelta(minutes=1))
        return {"due": self._count(OrderState.BALANCE_DUE)}

    def _pay_balances(self) -> dict[str, int]:
        """Nineteen of twenty pay, in the days that they have; the others are reminded in vain."""
        states = self._states()
        due = [
            each
            for each in self.buyers.values()
            if each.order_id is not None and states.get(each.order_id) == OrderState.BALANCE_DUE
        ]
        silent = {each.number for each in self.plan.pick("defaults", due, len(due) * DEFAULT_PERCENT // 100)}
        paying = [each for each in due if each.number not in silent]
        self.world.clock.wait(hours=30)
        paid = 0
        for some in _parts(paying):
            buying.ask_balances(some)
            self.purse.pay(some, operator=self.here.operator)
            paid += len(some)
            self.told("balance", paid, len(paying))
        self._minute()
        return {"paid": paid, "silent": len(silent)}

    def _close_balance(self) -> dict[str, int]:
        with database.reading() as session:
            campaign = session.get_one(Campaign, self.here.campaign_id)
            due_at, grace = campaign.balance_due_at, campaign.balance_grace_hours or 0
        assert due_at is not None
        for hours in (71, 23, 1):
            self._go(due_at - timedelta(hours=hours))
        self._go(due_at + timedelta(hours=grace + 1))
        return {"defaulted": self._count(OrderState.BALANCE_DEFAULTED)}

    def _pay_back(self) -> dict[str, int]:
        """What is owed to buyers goes back: of who withdrew, whose boxes were cut, who paid more than the last step."""
        self.world.clock.wait(hours=12)
        self._minute()
        return {"refunds_paid": self.purse.pay_back(operator=self.here.operator)}

    def _send(self) -> dict[str, int]:
        """Buyers say where boxes go; waves are released until nothing is left; boxes are labelled, packed and sent."""
        states = self._states()
        paid = [
            each
            for each in self.buyers.values()
            if each.order_id is not None and states.get(each.order_id) == OrderState.BALANCE_PAID
        ]
        done = 0
        for some in _parts(paid):
            buying.choose_addresses(some)
            done += len(some)
            self.told("address", done, len(paid))
        ctx = self.here.ctx
        while sending.ready(ctx, campaign_id=self.here.campaign_id):
            sending.release(ctx, campaign_id=self.here.campaign_id)
            self._minute()
            self.world.clock.wait(minutes=10)
        self.world.clock.wait(hours=20)
        ctx = self.here.ctx
        printed = labels.print_all(ctx, pack_id=self.here.pack_id)
        labelled = labels.put_on(ctx, printed, partial(self.told, "label"))
        self._parcels("pack", sending.pack)
        self.world.clock.wait(hours=4)
        self._parcels("ship", sending.ship)
        self._minute()
        return {**sending.counted(), "labelled_boxes": labelled}

    def _deliver(self) -> dict[str, int]:
        self.world.clock.wait(days=2)
        delivered = self._parcels("deliver", sending.deliver)
        self._minute()
        return {"parcels": delivered, "traced_boxes": labels.traced(partial(self.told, "trace"))}

    def _let_claims_end(self) -> dict[str, int]:
        """The days in which a buyer may complain pass, and nobody does: the orders are closed, batch by batch."""
        with database.reading() as session:
            days = session.get_one(Campaign, self.here.campaign_id).claims_days
        self.world.clock.wait(days=days, hours=1)
        while self._count(OrderState.DELIVERED):
            self._minute()
            self.world.clock.wait(minutes=1)
        return {"claims_days": days}

    def _advance(self) -> dict[str, int]:
        """Cooperatives say where they are paid; after the wait some ask for an advance on boxes that are paid for."""
        here = self.here
        self.people = paying_out.appoint(here.cooperatives)
        self.world.clock.wait(hours=49)
        codes = sorted(each.code for each in here.cooperatives)
        ids = {each.code: each.id for each in here.cooperatives}
        chosen = [ids[code] for code in self.plan.pick("advances", codes, ADVANCED)]
        asked = paying_out.ask_for_advances(self.people, chosen, campaign_id=here.campaign_id)
        granted = paying_out.grant_advances(here.operator)
        paid = paying_out.pay(here.operator, self.people)
        if paid != granted:
            raise NotAsPlanned(f"{granted} are granted, and {paid} paid")
        return {"advances": asked}

    def _state_accounts(self) -> dict[str, int]:
        """Statements are proposed; some agree at once, the others say nothing until their days are over."""
        here = self.here
        assert self.people is not None
        proposed = paying_out.propose(here.operator, campaign_id=here.campaign_id)
        self.world.clock.wait(hours=30)
        codes = sorted(each.code for each in here.cooperatives)
        ids = {each.code: each.id for each in here.cooperatives}
        agreeing = [ids[code] for code in self.plan.pick("agreeing", codes, len(codes) // 2)]
        accepted = paying_out.accept(self.people, agreeing)
        self._go(self.world.clock.now + timedelta(days=paying_out.OBJECTION_DAYS))
        return {"statements": proposed, "accepted": accepted}

    def _pay_out(self) -> dict[str, int]:
        """One operator drafts, another approves, a file goes to the bank, and the campaign is settled."""
        assert self.people is not None
        drafted = paying_out.draft_payouts(self.here.operator)
        paying_out.pay(self.here.operator, self.people)
        self._go(self.world.clock.now + timedelta(minutes=1))
        return {"payouts": drafted}

    def _parcels(self, doing: str, step: sending.Step) -> int:
        return sending.go(step, self.here.ctx, lambda done, of: self.told(doing, done, of))

    def _buy(self, shoppers: Sequence[Shopper]) -> None:
        found = [(self.buyers[each.number], each.boxes) for each in shoppers]
        address = f"/v1/campaigns/{self.here.campaign_id}/holds"
        buying.hold(found, pool_id=self.here.pool_id, address=address)
        buying.quote(
            (self.buyers[each.number] for each in shoppers if each.has_coupon), code=ground.COUPON_CODE
        )
        buying.order(buyer for buyer, _ in found)
        payers = [self.buyers[each.number] for each in shoppers if each.pays]
        self.purse.pay(payers, operator=self.here.operator)

    def _withdraw(self, shoppers: Sequence[Shopper]) -> None:
        for each in shoppers:
            buyer = self.buyers[each.number]
            if each.withdraws and buyer.order_id is not None:
                database.transact(partial(checkout.withdraw, ctx=buyer.ctx, order_id=buyer.order_id))

    def _go(self, at: datetime) -> None:
        """It is so late, and the jobs of that minute are done."""
        self.world.clock.go(at)
        self._minute()

    def _minute(self) -> None:
        """Every job of the minute and what they call for, as a worker would do them; one that fails ends the season."""
        known: dict[str, Job] = current_app.extensions["jobs"]
        own = {name: job for name, job in known.items() if name.startswith(OWN + self.purse.jobs)}
        app = self.world.app
        worker.enqueue_due_slots(app, own, {}, now=self.world.clock.now)
        while worker.run_next(app, own):
            pass

    def _look(self, name: str, notes: dict[str, int]) -> Step:
        here = self.here
        with database.reading() as session:
            look = facts.seen(
                session, campaign_id=here.campaign_id, pool_id=here.pool_id, at=self.world.clock.now
            )
        with database.reading() as session:
            found = verify.check(session, verify.invariants_of(current_app.extensions["modules"]))
        broken = tuple(f"{each.invariant.id}: {each.first}" for each in found if not each.holds)
        return Step(name=name, look=look, broken=broken, notes=notes)

    def _window(self) -> tuple[datetime, datetime]:
        with database.reading() as session:
            campaign = session.get_one(Campaign, self.here.campaign_id)
            return campaign.opens_at, campaign.closes_at

    def _offered(self) -> list[Commitment]:
        statement = select(Commitment).where(
            Commitment.campaign_id == self.here.campaign_id, Commitment.state == CommitmentState.OFFERED
        )
        with database.reading() as session:
            return list(session.scalars(statement.order_by(Commitment.code, Commitment.id)))

    def _shortage(self) -> Shortage | None:
        with database.reading() as session:
            return session.scalar(select(Shortage).where(Shortage.campaign_id == self.here.campaign_id))

    def _open_offers(self) -> list[ShortageOffer]:
        with database.reading() as session:
            statement = select(ShortageOffer).where(ShortageOffer.state == OfferState.OFFERED)
            return list(session.scalars(statement.order_by(ShortageOffer.id)))

    def _states(self) -> dict[Any, str]:
        with database.reading() as session:
            return {row.id: row.state for row in session.execute(select(Order.id, Order.state))}

    def _count(self, state: OrderState) -> int:
        return sum(each == state for each in self._states().values())


def _parts(rows: Sequence[Any]) -> Iterator[list[Any]]:
    return buying.batches(rows)
