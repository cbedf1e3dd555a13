"""Any sequence of bookings, reservations, ends and reversals: what is kept is what a plain count of all of it says.

The model is a list of movements, added up anew after every step; it shares no code with the ledger's rules.
"""

import uuid

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from marketplace import context, database, verify
from marketplace.embedded.databases import DatabaseUrls
from marketplace.ledger import ledger, reading
from marketplace.ledger.invariants import INVARIANTS
from marketplace.ledger.rules import Fact
from tests import house
from tests.ledger import money

ACCOUNTS = (money.clearing(), money.bank(), money.deposits(), money.escrow(), money.payable(uuid.UUID(int=9)))
GUARDED = ("sponsor_escrow", "coop_payable")
AMOUNTS = st.sampled_from([1, 2, 3, 5, 40, 100, 2**53 + 1, 10**13])
PLACES = st.integers(0, 40)


class Books(RuleBasedStateMachine):
    """Movements as tuples (debited, credited, minor): those that are booked, and those that are reserved."""

    app: Flask
    urls: DatabaseUrls

    @initialize()
    def begin(self) -> None:
        house.empty(self.urls)
        self.booked: list[tuple[int, int, int]] = []
        self.reserved: dict[uuid.UUID, tuple[int, int, int]] = {}
        self.ended: dict[uuid.UUID, tuple[str, int]] = {}
        self.moves: dict[uuid.UUID, tuple[int, int, int]] = {}
        """What may be taken back."""
        self.taken_back: set[uuid.UUID] = set()
        self.sources: list[tuple[uuid.UUID, tuple[int, int, int], uuid.UUID]] = []

    def available(self, place: int) -> int:
        """Of a guarded account, which grows on the credit side."""
        left = 0
        for debited, credited, minor in self.booked:
            left += minor * (credited == place) - minor * (debited == place)
        return left - sum(minor for debited, _, minor in self.reserved.values() if debited == place)

    def fits(self, *moves: tuple[int, int, int]) -> bool:
        """Whether no floor breaks when all of these are booked or reserved together."""
        for place, account in enumerate(ACCOUNTS):
            if account.code in GUARDED:
                change = sum(minor * (to == place) - minor * (of == place) for of, to, minor in moves)
                if self.available(place) + change < 0:
                    return False
        return True

    def attempt(self, work, *, fits: bool):
        """What the ledger did, or None when it refused; it must have refused exactly when the model does."""
        try:
            done = database.transact(work)
        except ledger.FloorBroken:
            assert not fits, "refused, though it is there"
            return None
        assert fits, "booked, though it is not there"
        return done

    @rule(of=st.integers(0, 4), to=st.integers(0, 4), minor=AMOUNTS)
    def post(self, of: int, to: int, minor: int) -> None:
        if of == to:
            return
        move, source_id = (of, to, minor), uuid.uuid4()
        lines = money.lines(ACCOUNTS[of], ACCOUNTS[to], minor)
        done = self.attempt(
            lambda session: ledger.post(
                session, context.system(), kind="paid", source_id=source_id, lines=lines
            ),
            fits=self.fits(move),
        )
        if done is not None:
            self.booked.append(move)
            self.moves[done.id] = move
            self.sources.append((source_id, move, done.id))

    @rule(place=PLACES, more=st.booleans())
    def post_again(self, place: int, more: bool) -> None:
        if not self.sources:
            return
        source_id, (of, to, minor), known = self.sources[place % len(self.sources)]
        lines = money.lines(ACCOUNTS[of], ACCOUNTS[to], minor + more)
        try:
            done = database.transact(
                lambda session: ledger.post(
                    session, context.system(), kind="paid", source_id=source_id, lines=lines
                )
            )
        except ledger.FactBookedDifferently:
            assert more
        else:
            assert not more
            assert (done.id, done.is_new) == (known, False)

    @rule(moves=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), AMOUNTS), min_size=1, max_size=6))
    def post_many(self, moves: list[tuple[int, int, int]]) -> None:
        wanted = [move for move in moves if move[0] != move[1]]
        facts = [
            Fact(kind="paid", source_id=uuid.uuid4(), lines=money.lines(ACCOUNTS[of], ACCOUNTS[to], minor))
            for of, to, minor in wanted
        ]
        done = self.attempt(
            lambda session: ledger.post_many(session, context.system(), facts=facts), fits=self.fits(*wanted)
        )
        for each, move in zip(done or (), wanted, strict=False):
            self.booked.append(move)
            self.moves[each.id] = move

    @rule(of=st.integers(0, 4), to=st.integers(0, 4), minor=AMOUNTS)
    def reserve(self, of: int, to: int, minor: int) -> None:
        if of == to:
            return
        lines = money.lines(ACCOUNTS[of], ACCOUNTS[to], minor)
        done = self.attempt(
            lambda session: ledger.reserve(
                session, context.system(), kind="payout", source_id=uuid.uuid4(), lines=lines
            ),
            fits=self.fits_reserved((of, to, minor)),
        )
        if done is not None:
            self.reserved[done.id] = (of, to, minor)

    def fits_reserved(self, move: tuple[int, int, int]) -> bool:
        """What is only expected does not count."""
        of, _, minor = move
        return ACCOUNTS[of].code not in GUARDED or self.available(of) >= minor

    @rule(place=PLACES, part=st.integers(0, 3), is_void=st.booleans())
    def end(self, place: int, part: int, is_void: bool) -> None:
        known = [*self.reserved, *self.ended]
        if not known:
            return
        pending_id = known[place % len(known)]
        of, to, minor = self.reserved.get(pending_id) or self.moves_of_ended(pending_id)
        less = minor if is_void else max(1, minor - part)
        lines = None if is_void else money.lines(ACCOUNTS[of], ACCOUNTS[to], less)

        def work(session):
            ctx = context.system()
            if is_void:
                return ledger.void(session, ctx, pending_id=pending_id)
            return ledger.settle_pending(session, ctx, pending_id=pending_id, lines=lines)

        wanted = ("void" if is_void else "post", less)
        try:
            done = database.transact(work)
        except ledger.ReservationEnded:
            assert self.ended[pending_id] != wanted
            return
        if pending_id in self.ended:
            assert self.ended[pending_id] == wanted
            assert not done.is_new
            return
        assert done.is_new
        self.whole = {**getattr(self, "whole", {}), pending_id: self.reserved.pop(pending_id)}
        self.ended[pending_id] = wanted
        if not is_void:
            self.booked.append((of, to, less))
            self.moves[done.id] = (of, to, less)

    def moves_of_ended(self, pending_id: uuid.UUID) -> tuple[int, int, int]:
        return self.whole[pending_id]

    @rule(place=PLACES)
    def reverse(self, place: int) -> None:
        if not self.moves:
            return
        transfer_id = list(self.moves)[place % len(self.moves)]
        of, to, minor = self.moves[transfer_id]
        is_again = transfer_id in self.taken_back
        done = self.attempt(
            lambda session: ledger.reverse(
                session, context.system(), transfer_id=transfer_id, reason="a mistake"
            ),
            fits=is_again or self.fits((to, of, minor)),
        )
        if done is not None and not is_again:
            assert done.is_new
            self.taken_back.add(transfer_id)
            self.booked.append((to, of, minor))
            self.moves[done.id] = (to, of, minor)

    @invariant()
    def what_is_kept_is_what_was_booked(self) -> None:
        if not hasattr(self, "booked"):
            return
        with database.reading() as session:
            lines = reading.trial_balance(session)
            past = reading.trial_balance(session, at=context.now_utc())
        assert lines == past
        found = {line.code: line.change for line in lines}
        for place, account in enumerate(ACCOUNTS):
            change = found.get(account.code)
            debits = sum(minor for of, _, minor in self.booked if of == place)
            credits_ = sum(minor for _, to, minor in self.booked if to == place)
            pending = sum(minor for of, _, minor in self.reserved.values() if of == place)
            assert (debits, credits_, pending) == (
                (0, 0, 0)
                if change is None
                else (change.debits_posted, change.credits_posted, change.debits_pending)
            )
        total = reading.totals(lines).get("CNY")
        assert total is None or total.debits_posted == total.credits_posted

    def teardown(self) -> None:
        with database.reading() as session:
            findings = verify.check(session, INVARIANTS)
        assert [each.invariant.id for each in findings if not each.holds] == []


@pytest.mark.timeout(600)
def test_whatever_is_booked_the_books_hold(app: Flask, database_urls: DatabaseUrls) -> None:
    Books.app, Books.urls = app, database_urls
    checked = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Books, settings=checked)
