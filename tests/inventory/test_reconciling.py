"""Reconciliation against counters broken on purpose: found, told in a case, repaired by a line and not otherwise."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from inventory import buckets, holds, lots
from inventory.cases.models import Case, CaseNote
from inventory.models import Hold, Lot, Movement, Pool, PoolMovement
from inventory.module import module
from inventory.reconciling import reconciliations, repairs
from inventory.reconciling.jobs import JOBS, RECONCILE
from inventory.reconciling.models import Reconciliation, ReconciliationFinding
from inventory.reconciling.rules import Phase
from inventory.states import MovementKind
from marketplace import database, errors, jobs, verify
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.embedded.databases import DatabaseUrls
from marketplace.jobs.models import StoredJob
from marketplace.jobs.worker import latest_slot
from tests.builders import assert_refused
from tests.house import Caller
from tests.inventory.yard import PACK_GRAMS, Yard, at_once, place

AsRole = Callable[..., Caller]
Breaks = Callable[..., None]


@pytest.fixture
def breaking(database_urls: DatabaseUrls) -> Breaks:
    """Run SQL as the owner of the tables: nothing but the database's own rules stands in its way."""

    def run(sql: str, **values: Any) -> None:
        engine = create_engine(database_urls.owner_url)
        try:
            with engine.begin() as connection:
                assert connection.execute(text(sql), values).rowcount > 0
        finally:
            engine.dispose()

    return run


def _broken() -> list[str]:
    """The ids of inventory's invariants that do not hold."""
    database.db.session.remove()
    with database.reading() as session:
        return [found.invariant.id for found in verify.check(session, module.invariants) if not found.holds]


def _run(yard: Yard, *, batch: int = 500) -> Reconciliation:
    run = database.transact(lambda session: reconciliations.start(session, yard.ctx))
    while run.phase != Phase.DONE:
        run = database.transact(
            lambda session, run_id=run.id: reconciliations.step(
                session, yard.ctx, reconciliation_id=run_id, lots_batch=batch, pools_batch=batch
            )
        )
    return run


def _findings(run: Reconciliation) -> list[ReconciliationFinding]:
    with database.reading() as session:
        rows = session.scalars(reconciliations.findings(run.id).order_by(ReconciliationFinding.number)).all()
        return list(rows)


def _told(finding: ReconciliationFinding) -> list[tuple[str, int, int, str]]:
    names = ("counter", "stored", "rebuilt", "source")
    return [tuple(each[name] for name in names) for each in finding.differences]


def _repair(yard: Yard, run: Reconciliation, number: int = 1) -> ReconciliationFinding:
    return database.transact(
        lambda session: repairs.repair(
            session, yard.ctx, reconciliation_id=run.id, number=number, reason="a bug of the night"
        )
    )


def _stock(yard: Yard) -> tuple[Lot, Pool]:
    """Three lots and two pools with every kind of line and hold."""
    lot = yard.lot("L1", boxes=20)
    yard.lot("L2", boxes=5, cooperative=1)
    yard.lot("L3", boxes=5, cooperative=1)
    pool = yard.pool()
    yard.pledge(pool, 10)
    yard.reserve(2)
    yard.hold(pool, yard.shopper(), 3)
    buyer = yard.shopper()
    sold = yard.hold(pool, buyer, 2)
    database.transact(lambda session: holds.start_payment(session, buyer, hold_id=sold.id))
    database.transact(lambda session: holds.consume(session, yard.ctx, hold_id=sold.id))
    yard.pool()
    return lot, pool


@pytest.mark.parametrize("batch", [1, 2, 3, 500])
def test_what_agrees_is_counted_once_whatever_the_batch_and_nothing_is_found(yard: Yard, batch: int) -> None:
    _stock(yard)
    run = _run(yard, batch=batch)
    assert (run.lots_checked, run.pools_checked, run.differences) == (3, 2, 0)
    assert run.finished_at is not None and run.finished_at >= run.started_at
    assert run.seconds in (0, 1, 2, 3)
    assert _broken() == []


def test_an_empty_house_is_reconciled(yard: Yard) -> None:
    run = _run(yard)
    assert (run.lots_checked, run.pools_checked, run.differences) == (0, 0, 0)


def test_every_drifted_counter_is_found_with_where_it_was_rebuilt_from(yard: Yard, breaking: Breaks) -> None:
    lot, pool = _stock(yard)
    breaking(
        "UPDATE lot SET on_hand_grams = on_hand_grams - 3, held_grams = held_grams + 2, version = version + 1"
        " WHERE code = 'L1'"
    )
    breaking(
        "UPDATE pool SET boxes_held = boxes_held - 1, boxes_sold = boxes_sold + 2 WHERE id = :id", id=pool.id
    )
    run = _run(yard, batch=1)
    assert (run.lots_checked, run.pools_checked, run.differences) == (3, 2, 2)
    of_lot, of_pool = _findings(run)
    assert (of_lot.number, of_lot.subject_kind, of_lot.subject_id) == (1, "lot", lot.id)
    held = 12 * PACK_GRAMS
    assert _told(of_lot) == [
        ("on_hand_grams", 20 * PACK_GRAMS - 3, 20 * PACK_GRAMS, "journal"),
        ("held_grams", held + 2, held, "journal"),
        ("version", 4, 3, "journal"),
        ("promised_grams", held + 2, held, "holds"),
    ]
    assert (of_pool.number, of_pool.subject_kind, of_pool.subject_id) == (2, "pool", pool.id)
    assert _told(of_pool) == [
        ("boxes_held", 2, 3, "journal"),
        ("boxes_sold", 4, 2, "journal"),
        ("boxes_held", 2, 3, "holds"),
        ("boxes_sold", 4, 2, "holds"),
    ]


def test_each_finding_has_its_case_and_the_next_night_adds_to_it(yard: Yard, breaking: Breaks) -> None:
    lot, _ = _stock(yard)
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 1 WHERE code = 'L1'")
    first, second = _run(yard), _run(yard)
    [one], [two] = _findings(first), _findings(second)
    assert one.case_id == two.case_id
    with database.reading() as session:
        case = session.get_one(Case, one.case_id)
        assert (case.kind, case.subject_id, case.cooperative_id, case.state) == (
            "reconciliation",
            lot.id,
            yard.cooperative_ids[0],
            "open",
        )
        kinds = session.scalars(select(CaseNote.kind).order_by(CaseNote.number)).all()
    assert kinds == ["opened", "repeated"]


def test_a_drifted_lot_is_set_to_its_journal_by_a_line_that_moves_nothing(
    yard: Yard, breaking: Breaks
) -> None:
    lot, _ = _stock(yard)
    breaking(
        "UPDATE lot SET on_hand_grams = on_hand_grams - 3, held_grams = held_grams + 2, version = version + 1"
        " WHERE code = 'L1'"
    )
    assert set(yard.broken()) == {"S1", "S4", "S6"}
    run = _run(yard)
    repair = _repair(yard, run).repair
    held = 12 * PACK_GRAMS
    assert repair is not None
    others = {"committed_grams": 0, "packed_grams": 0, "version": 4}
    assert repair.before == {"on_hand_grams": 20 * PACK_GRAMS - 3, "held_grams": held + 2, **others}
    assert repair.after == {"on_hand_grams": 20 * PACK_GRAMS, "held_grams": held, **others}
    stored = yard.stored(lot)
    assert (stored.on_hand_grams, stored.held_grams, stored.version) == (20 * PACK_GRAMS, held, 4)
    with database.reading() as session:
        line = session.get_one(Movement, repair.movement_id)
        told = (line.number, line.kind, line.on_hand_delta_grams, line.held_delta_grams, line.reason)
        assert told == (4, "reconciled", 0, 0, "a bug of the night")
        assert (line.on_hand_grams, line.held_grams) == (20 * PACK_GRAMS, held)
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "lot.reconciled")).all()
        assert entry.before == repair.before
        assert entry.after == {**repair.after, "reason": "a bug of the night"}
        notes = session.scalars(select(CaseNote).order_by(CaseNote.number)).all()
        assert [note.kind for note in notes] == ["opened", "changed"]
        assert notes[1].facts["after"] == repair.after
    assert _broken() == []
    assert _run(yard).differences == 0


def test_what_is_committed_and_packed_is_reconciled_too(yard: Yard, breaking: Breaks) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(4)

    def move(session: Session) -> None:
        for kind, deltas in (
            (MovementKind.COMMITTED, {"held_grams": -15_000, "committed_grams": 15_000}),
            (MovementKind.PACKED, {"packed_grams": 5_000}),
        ):
            assert buckets.move_lot(session, yard.ctx, lot.id, kind, hold_id=hold.id, **deltas) is not None

    database.transact(move)
    assert _run(yard).differences == 0
    breaking("UPDATE lot SET held_grams = held_grams + 5, committed_grams = 15010, packed_grams = 4000")
    assert _broken() == ["S1", "S6"]
    run = _run(yard)
    [finding] = _findings(run)
    assert _told(finding) == [
        ("held_grams", 5_005, 5_000, "journal"),
        ("committed_grams", 15_010, 15_000, "journal"),
        ("packed_grams", 4_000, 5_000, "journal"),
        ("promised_grams", 20_015, 20_000, "holds"),
    ]
    _repair(yard, run)
    stored = yard.stored(lot)
    assert (stored.held_grams, stored.committed_grams, stored.packed_grams) == (5_000, 15_000, 5_000)
    assert (stored.on_hand_grams, stored.version) == (50_000, 5)
    assert _broken() == []
    assert _run(yard).differences == 0


def test_what_was_written_while_the_counter_was_wrong_is_explained_by_the_repair(
    yard: Yard, breaking: Breaks
) -> None:
    lot = yard.lot(boxes=10)
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 7")
    database.transact(
        lambda session: lots.lose(session, yard.ctx, lot_id=lot.id, quantity_grams=100, reason="rot")
    )
    assert _broken() == ["S1", "S3"]
    _repair(yard, _run(yard))
    assert yard.stored(lot).on_hand_grams == 10 * PACK_GRAMS - 100
    assert _broken() == []
    database.transact(
        lambda session: lots.lose(session, yard.ctx, lot_id=lot.id, quantity_grams=100, reason="rot")
    )
    breaking("UPDATE movement SET on_hand_grams = on_hand_grams + 1 WHERE number = 4")
    assert _broken() == ["S3"], "a repair explains what was before it and nothing after it"


def test_a_drifted_pool_is_set_to_its_journal_by_a_line_that_moves_nothing(
    yard: Yard, breaking: Breaks
) -> None:
    _, pool = _stock(yard)
    version = yard.stored(pool).version
    breaking("UPDATE pool SET boxes_held = 0, boxes_pledged = 15 WHERE id = :id", id=pool.id)
    assert yard.broken() == ["S7"]
    repair = _repair(yard, _run(yard)).repair
    right = {"boxes_pledged": 10, "boxes_held": 3, "boxes_sold": 2}
    assert repair is not None
    assert repair.before == {"boxes_pledged": 15, "boxes_held": 0, "boxes_sold": 2, "version": version}
    assert repair.after == {**right, "version": version + 1}
    assert (repair.movement_id, repair.pool_id, repair.pool_line_number) == (None, pool.id, version + 1)
    stored = yard.stored(pool)
    assert {name: getattr(stored, name) for name in right} == right
    assert stored.version == version + 1
    with database.reading() as session:
        line = session.get_one(PoolMovement, (pool.id, version + 1))
        assert {name: getattr(line, name) for name in right} == right
        told = (line.kind, line.pledged_delta, line.held_delta, line.sold_delta, line.hold_id)
        assert told == ("reconciled", 0, 0, 0, None)
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "pool.reconciled")).all()
        assert (entry.before, entry.after) == (repair.before, {**repair.after, "reason": repair.reason})
    assert _broken() == []
    assert _run(yard).differences == 0


@pytest.mark.parametrize("drift", [3, 1, -1])
def test_a_pool_whose_version_drifted_goes_on_at_the_end_of_its_journal(
    yard: Yard, breaking: Breaks, drift: int
) -> None:
    pool = yard.full_pool(5)
    version = yard.stored(pool).version
    breaking("UPDATE pool SET version = version + :drift WHERE id = :id", drift=drift, id=pool.id)
    assert yard.broken() == ["S11"]
    run = _run(yard)
    [finding] = _findings(run)
    assert _told(finding) == [("version", version + drift, version, "journal")]
    _repair(yard, run)
    assert yard.stored(pool).version == version + 1
    yard.hold(pool, yard.shopper(), 2)
    assert yard.stored(pool).version == version + 2
    assert _broken() == []


def test_what_was_held_while_a_pools_counter_was_wrong_is_explained_by_the_repair(
    yard: Yard, breaking: Breaks
) -> None:
    pool = yard.full_pool(10)
    breaking("UPDATE pool SET boxes_sold = 3 WHERE id = :id", id=pool.id)
    yard.hold(pool, yard.shopper(), 2)
    assert _broken() == ["S7", "S10"]
    _repair(yard, _run(yard))
    assert yard.stored(pool).available_boxes == 8
    assert _broken() == []
    yard.hold(pool, yard.shopper(), 1)
    breaking("UPDATE pool_movement SET boxes_held = boxes_held + 1 WHERE number = 5")
    assert _broken() == ["S10"], "a repair explains what was before it and nothing after it"


def test_a_pool_whose_journal_and_holds_contradict_each_other_is_refused(
    yard: Yard, breaking: Breaks
) -> None:
    pool = yard.full_pool(10)
    hold = yard.hold(pool, yard.shopper(), 4)
    version = yard.stored(pool).version
    breaking(
        "UPDATE hold SET state = 'released', released_boxes = boxes, resolved_at = now() WHERE id = :id",
        id=hold.id,
    )
    run = _run(yard)
    [finding] = _findings(run)
    assert _told(finding) == [("boxes_held", 4, 0, "holds")]
    with pytest.raises(repairs.SourcesDisagree) as refused:
        _repair(yard, run)
    assert refused.value.facts == {
        "pledged_by_journal_boxes": 10,
        "pledged_by_holds_boxes": 10,
        "held_by_journal_boxes": 4,
        "held_by_holds_boxes": 0,
        "sold_by_journal_boxes": 0,
        "sold_by_holds_boxes": 0,
    }
    breaking("UPDATE pool SET boxes_held = 0 WHERE id = :id", id=pool.id)
    with pytest.raises(repairs.SourcesDisagree):
        _repair(yard, _run(yard))
    stored = yard.stored(pool)
    assert (stored.boxes_held, stored.version) == (0, version), "no counter is set without a line"
    breaking(
        "UPDATE hold SET state = 'active', released_boxes = 0, resolved_at = NULL WHERE id = :id", id=hold.id
    )
    _repair(yard, _run(yard))
    assert yard.stored(pool).boxes_held == 4
    assert _broken() == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DELETE FROM reconciliation_repair", ["R3"]),
        ("UPDATE reconciliation_repair SET pool_line_number = 1 WHERE pool_id IS NOT NULL", ["R3"]),
        (
            "UPDATE reconciliation_repair SET movement_id ="
            " (SELECT id FROM movement WHERE kind = 'received' LIMIT 1) WHERE movement_id IS NOT NULL",
            ["R3"],
        ),
        (
            "UPDATE reconciliation_finding SET subject_id = gen_random_uuid() WHERE subject_kind = 'pool'",
            ["R2", "R3"],
        ),
    ],
)
def test_a_repair_without_its_line_and_a_line_without_its_repair_are_found(
    yard: Yard, breaking: Breaks, sql: str, found: list[str]
) -> None:
    _, pool = _stock(yard)
    breaking("UPDATE pool SET boxes_held = 0 WHERE id = :id", id=pool.id)
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 1 WHERE code = 'L1'")
    run = _run(yard)
    _repair(yard, run, 1)
    _repair(yard, run, 2)
    assert _broken() == []
    breaking(sql)
    assert _broken() == found


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE reconciliation_repair SET movement_id = NULL",
        "UPDATE reconciliation_repair SET pool_id = :pool_id, pool_line_number = 1",
        "UPDATE reconciliation_repair SET movement_id = NULL, pool_id = :pool_id",
        "UPDATE reconciliation_repair SET movement_id = NULL, pool_id = :pool_id, pool_line_number = 99",
    ],
)
def test_the_database_takes_no_repair_without_one_line(yard: Yard, breaking: Breaks, sql: str) -> None:
    _, pool = _stock(yard)
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 1 WHERE code = 'L1'")
    _repair(yard, _run(yard))
    with pytest.raises(IntegrityError, match="_line"):
        breaking(sql, **({"pool_id": pool.id} if ":pool_id" in sql else {}))


@pytest.mark.parametrize(
    "change",
    [
        "held_delta = 1",
        "pledged_delta = 1",
        "sold_delta = 1",
        "hold_id = (SELECT min(id::text)::uuid FROM hold)",
    ],
)
def test_a_pools_repair_line_moves_nothing_and_is_of_no_hold(
    yard: Yard, breaking: Breaks, change: str
) -> None:
    _, pool = _stock(yard)
    breaking("UPDATE pool SET boxes_held = 0 WHERE id = :id", id=pool.id)
    _repair(yard, _run(yard))
    with pytest.raises(IntegrityError, match=r"ck_pool_movement_(kind|hold)"):
        breaking(f"UPDATE pool_movement SET {change} WHERE kind = 'reconciled'")


def test_where_journal_and_holds_contradict_each_other_no_line_helps(yard: Yard, breaking: Breaks) -> None:
    lot = yard.lot(boxes=10)
    [hold] = yard.reserve(4)
    breaking(
        "UPDATE hold SET state = 'released', released_boxes = boxes, resolved_at = now() WHERE id = :id",
        id=hold.id,
    )
    run = _run(yard)
    [finding] = _findings(run)
    assert _told(finding) == [("promised_grams", 20_000, 0, "holds")]
    with pytest.raises(repairs.SourcesDisagree) as refused:
        _repair(yard, run)
    assert refused.value.facts == {
        "promised_by_journal_grams": 20_000,
        "promised_by_holds_grams": 0,
        "on_hand_by_journal_grams": 50_000,
    }
    assert yard.stored(lot).version == 2
    breaking(
        "UPDATE hold SET state = 'active', released_boxes = 0, resolved_at = NULL WHERE id = :id", id=hold.id
    )
    with pytest.raises(repairs.NothingToRepair):
        _repair(yard, run)


def test_a_finding_is_repaired_once_even_by_many_hands(yard: Yard, breaking: Breaks) -> None:
    lot = yard.lot(boxes=10)
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 1")
    run = _run(yard)

    def repairing(session: Session) -> ReconciliationFinding:
        return repairs.repair(session, yard.ctx, reconciliation_id=run.id, number=1, reason="x")

    results = at_once(yard.app, [repairing] * 6)
    assert sum(isinstance(each, ReconciliationFinding) for each in results) == 1
    refused = [each for each in results if isinstance(each, errors.Refusal)]
    assert all(isinstance(each, repairs.NothingToRepair) for each in refused)
    assert yard.stored(lot).version == 2
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 1")
    with pytest.raises(repairs.NothingToRepair):
        _repair(yard, run)
    _repair(yard, _run(yard))
    assert _broken() == []


def test_repairing_in_the_midst_of_work_loses_none_of_it(yard: Yard, breaking: Breaks) -> None:
    lot = yard.lot("LX", boxes=40)
    pool = yard.full_pool(20)
    breaking(
        "UPDATE lot SET on_hand_grams = on_hand_grams + 1, held_grams = held_grams + 1 WHERE id = :id",
        id=lot.id,
    )
    breaking("UPDATE pool SET boxes_sold = 2 WHERE id = :id", id=pool.id)
    run = _run(yard)
    assert run.differences == 2
    shoppers = [yard.shopper() for _ in range(6)]

    def reserving(session: Session) -> list[Hold]:
        return holds.place_on_lots(
            session,
            yard.ctx,
            kind="allocation",
            cooperative_id=yard.cooperative_ids[0],
            boxes=2,
            pack_grams=PACK_GRAMS,
            variety="Fuji",
            grade="A",
            purpose=("share", uuid.uuid4()),
        )

    def losing(session: Session) -> Lot:
        return lots.lose(session, yard.ctx, lot_id=lot.id, quantity_grams=100, reason="rot")

    def repairing(number: int) -> Callable[[Session], Any]:
        return lambda session: repairs.repair(
            session, yard.ctx, reconciliation_id=run.id, number=number, reason="x"
        )

    buying = [lambda session, who=who: place(session, who, pool.id, 1) for who in shoppers]
    results = at_once(
        yard.app,
        [*[reserving] * 4, *buying[:3], repairing(1), repairing(2), losing, *[reserving] * 4, *buying[3:]],
    )
    assert [each for each in results if isinstance(each, errors.Refusal)] == []
    assert _broken() == []
    assert _run(yard).differences == 0


def test_a_run_that_stops_in_the_middle_goes_on_where_it_was(yard: Yard) -> None:
    for number in range(5):
        yard.lot(f"L{number}", boxes=1)
    run = database.transact(lambda session: reconciliations.start(session, yard.ctx))

    def step(session: Session) -> Reconciliation:
        return reconciliations.step(session, yard.ctx, reconciliation_id=run.id, lots_batch=2)

    database.transact(step)

    def dying(session: Session) -> None:
        step(session)
        raise RuntimeError("the worker dies")

    with pytest.raises(RuntimeError, match="the worker dies"):
        database.transact(dying)
    with database.reading() as session:
        assert reconciliations.get(session, reconciliation_id=run.id).lots_checked == 2
    for _ in range(3):
        after = database.transact(step)
    assert (after.phase, after.lots_checked) == ("done", 5)
    assert database.transact(step).lots_checked == 5
    with pytest.raises(reconciliations.ReconciliationNotFound), database.transaction() as session:
        reconciliations.step(session, yard.ctx, reconciliation_id=uuid.uuid4())


def test_no_stock_is_locked_while_it_is_looked_at(yard: Yard) -> None:
    lot = yard.lot(boxes=10)
    run = database.transact(lambda session: reconciliations.start(session, yard.ctx))
    with database.transaction() as session:
        reconciliations.step(session, yard.ctx, reconciliation_id=run.id)
        with database.db.engine.connect() as other:
            found = other.execute(
                text("SELECT id FROM lot WHERE id = :id FOR UPDATE NOWAIT"), {"id": lot.id}
            ).scalar_one()
            other.rollback()
    assert found == lot.id


def test_the_night_job_reconciles_batch_by_batch(
    yard: Yard, app: Flask, breaking: Breaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliations.step, "__kwdefaults__", {"lots_batch": 1, "pools_batch": 1})
    _stock(yard)
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 1 WHERE code = 'L2'")
    database.transact(lambda session: jobs.enqueue(session, RECONCILE))
    jobs.work(app, once=True)
    with database.reading() as session:
        [run] = session.scalars(select(Reconciliation)).all()
        assert (run.phase, run.lots_checked, run.pools_checked, run.differences) == ("done", 3, 2, 1)
        states = session.execute(
            select(StoredJob.name, StoredJob.state, func.count()).group_by(StoredJob.name, StoredJob.state)
        )
        assert {tuple(row) for row in states} == {
            ("inventory.reconcile", "done", 1),
            ("inventory.reconcile_batch", "done", 7),
        }
    [cron] = [job.cron for job in JOBS if job.cron]
    slot = latest_slot(cron, yard.ctx.now)
    assert (slot.hour, slot.minute) == (3, 17)


def test_the_command_prints_and_fails_when_something_differs(
    yard: Yard, app: Flask, breaking: Breaks
) -> None:
    _stock(yard)
    runner = app.test_cli_runner()
    clean = runner.invoke(args=["stock", "reconcile", "--json"])
    assert clean.exit_code == 0, clean.output
    assert json.loads(clean.output)["findings"] == []
    assert runner.invoke(args=["stock", "reconcile"]).exit_code == 0
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 1 WHERE code = 'L2'")
    told = runner.invoke(args=["stock", "reconcile", "--json"])
    assert told.exit_code == 1
    shown = json.loads(told.output.split("Error:")[0])
    assert (shown["lots_checked"], shown["differences"]) == (3, 1)
    assert shown["findings"][0]["differences"][0]["counter"] == "on_hand_grams"
    table = runner.invoke(args=["stock", "reconcile"])
    assert table.exit_code == 1
    assert "on_hand_grams" in table.output
    assert "1 lots or pools differ" in table.output


@pytest.mark.parametrize("table", ["reconciliation_finding", "reconciliation_repair"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET at = now()", "DELETE FROM {}"])
def test_the_app_cannot_rewrite_what_was_found(yard: Yard, table: str, verb: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), database.transaction() as session:
        session.execute(text(verb.format(table)))


def test_the_doors_show_and_repair(yard: Yard, breaking: Breaks, as_role: AsRole) -> None:
    lot, _ = _stock(yard)
    breaking("UPDATE lot SET on_hand_grams = on_hand_grams + 1 WHERE code = 'L1'")
    run = _run(yard)
    operator, auditor = as_role(Role.OPERATOR), as_role(Role.AUDITOR)
    url = f"/v1/reconciliations/{run.id}"
    [shown] = auditor.get("/v1/reconciliations").json["items"]
    assert auditor.get(url).json == shown
    assert (shown["phase"], shown["lots_checked"], shown["differences"]) == ("done", 3, 1)
    [finding] = auditor.get(f"{url}/findings").json["items"]
    assert (finding["subject_id"], finding["repair"]) == (str(lot.id), None)
    repair = f"{url}/findings/1/repair"
    assert_refused(auditor.post(repair, json={"reason": "x"}), 403, "forbidden")
    member = as_role(Role.COOPERATIVE, cooperative_ids=yard.cooperative_ids[:1])
    assert_refused(member.get(url), 403, "forbidden")
    assert_refused(operator.post(f"{url}/findings/2/repair", json={"reason": "x"}), 404, "finding_not_found")
    assert_refused(operator.post(repair, json={}), 422, "invalid")
    missing = f"/v1/reconciliations/{uuid.uuid4()}"
    assert_refused(operator.get(missing), 404, "reconciliation_not_found")
    assert_refused(operator.get(f"{missing}/findings"), 404, "reconciliation_not_found")
    done = operator.post(repair, json={"reason": "a bug of the night"})
    assert done.status_code == 200, done.json
    assert done.json["repair"]["after"]["on_hand_grams"] == 20 * PACK_GRAMS
    assert done.json["repair"]["actor"] == f"account:{operator.account_id}"
    assert auditor.get(f"{url}/findings").json["items"] == [done.json]
    assert_refused(operator.post(repair, json={"reason": "again"}), 409, "nothing_to_repair")
    lines = member.get(f"/v1/lots/{lot.id}/movements").json["items"]
    assert lines[-1]["kind"] == "reconciled"
    assert _broken() == []
