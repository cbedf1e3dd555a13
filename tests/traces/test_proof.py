"""A chain that was changed is found at its first bad place, whatever was done to it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.traces.chain import link_after
from inventory.traces.entries import chained
from inventory.traces.merkle import Frontier, leaf_hash
from inventory.traces.notes import Checkpoint
from inventory.traces.proof import Fault, Row, Standing, examine

SEED = b"\x07" * 32
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def written(bodies):
    """A chain of these, and where it stands."""
    rows, link = [], SEED
    for number, body in enumerate(bodies, start=1):
        context = b'["c"]' if number % 3 == 0 else None
        link = link_after(link, chained(body, context))
        rows.append(Row(number=number, body=body, context=context, link=link))
    return rows, standing(rows)


def standing(rows):
    frontier, _ = Frontier().extended([leaf_hash(chained(row.body, row.context)) for row in rows])
    return Standing(length=len(rows), head=rows[-1].link if rows else SEED, frontier=frontier.hashes)


def checkpoint(rows, size):
    part = standing(rows[:size])
    return Checkpoint(
        origin="here/traces/yijun",
        size=size,
        root=Frontier(part.length, part.frontier).root(),
        head=part.head,
        signed_at=NOW,
    )


BODIES = [f'{{"n":{number}}}'.encode() for number in range(1, 41)]
ROWS, STANDING = written(BODIES)
SIGNED = [checkpoint(ROWS, size) for size in (10, 20, 30)]


def fault(rows, there=STANDING, checkpoints=SIGNED):
    found = examine(rows, SEED, there, checkpoints).finding
    return found and (found.fault, found.number, found.until)


def test_what_is_as_it_was_is_whole():
    verdict = examine(ROWS, SEED, STANDING, SIGNED)
    assert (verdict.events, verdict.finding, verdict.checkpoints) == (40, None, 3)
    assert examine([], SEED, standing([])).finding is None


@given(st.integers(0, 39), st.integers(0, 6), st.integers(1, 255))
def test_one_changed_byte_is_found_at_its_event(at, byte, change):
    body = bytearray(ROWS[at].body)
    body[byte % len(body)] ^= change
    assert fault([*ROWS[:at], replace(ROWS[at], body=bytes(body)), *ROWS[at + 1 :]]) == (
        Fault.CHANGED, at + 1, at + 1,
    )  # fmt: skip


@pytest.mark.parametrize("change", [{"context": b"[]"}, {"context": None}, {"link": b"\0" * 32}])
def test_a_changed_context_or_link_is_found(change):
    assert fault([*ROWS[:11], replace(ROWS[11], **change), *ROWS[12:]]) == (Fault.CHANGED, 12, 12)


@given(st.integers(0, 39), st.integers(0, 39))
def test_two_swapped_events_are_found_at_the_first(one, other):
    first, second = sorted((one, other))
    if first == second:
        return
    rows = list(ROWS)
    rows[first] = replace(ROWS[second], number=first + 1)
    rows[second] = replace(ROWS[first], number=second + 1)
    assert fault(rows) == (Fault.CHANGED, first + 1, first + 1)


@given(st.integers(0, 38), st.integers(1, 5))
def test_deleted_middle_events_are_missed_at_the_first(at, count):
    rows = [*ROWS[:at], *ROWS[at + count :]]
    if len(rows) > at:
        assert fault(rows) == (Fault.MISSING, at + 1, at + 1)


@given(st.integers(0, 39), st.integers(1, 10))
def test_numbers_that_are_closed_up_after_a_deletion_do_not_help(at, count):
    left = [*ROWS[:at], *ROWS[at + count :]]
    rows = [replace(row, number=number) for number, row in enumerate(left, start=1)]
    found = fault(rows)
    assert found == ((Fault.CHANGED, at + 1, at + 1) if len(rows) > at else (Fault.CUT, at + 1, at + 1))


@given(st.integers(0, 39))
def test_a_cut_tail_is_found_where_it_was_cut(left):
    rows = ROWS[:left]
    assert fault(rows) == (Fault.CUT, left + 1, left + 1)
    hidden = fault(rows, standing(rows))
    assert hidden == ((Fault.CUT, left + 1, left + 1) if left < 30 else None), (
        "beyond checkpoints it is unseen"
    )


@given(st.integers(0, 39))
def test_a_chain_that_is_written_anew_is_found_between_two_checkpoints(at):
    rows, there = written([*BODIES[:at], b'{"n":"forged"}', *BODIES[at + 1 :]])
    assert examine(rows, SEED, there).finding is None, "the chain alone cannot tell"
    block = at // 10 * 10
    expected = (Fault.WRITTEN_ANEW, block + 1, block + 10) if at < 30 else None
    assert fault(rows, there) == expected


def test_a_head_that_is_not_the_chain_s_is_found():
    assert fault(ROWS, replace(STANDING, head=SEED)) == (Fault.CHANGED, 41, 41)
    assert fault(ROWS, replace(STANDING, frontier=())) == (Fault.CHANGED, 41, 41)
    assert fault(ROWS, replace(STANDING, length=3)) == (Fault.CHANGED, 41, 41)
