"""A chain that holds, and one that names the first row that was touched."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.traces.chain import chained, first_broken

START = bytes(32)
lists = st.lists(st.binary(max_size=4), min_size=1, max_size=40)


@settings(deadline=None)
@given(lists, st.binary(min_size=32, max_size=32))
def test_a_chain_that_nobody_touched_holds(entries, start):
    assert first_broken(entries, chained(entries, start), start) is None


@settings(deadline=None)
@given(lists, st.data())
def test_a_chain_names_the_first_entry_that_was_changed(entries, data):
    links = chained(entries, START)
    place = data.draw(st.integers(0, len(entries) - 1))

    changed = [*entries]
    changed[place] += b"!"
    assert first_broken(changed, links, START) == place

    without = entries[:place] + entries[place + 1 :]
    left = links[:place] + links[place + 1 :]
    assert first_broken(without, left, START) == (place if place < len(without) else None)


def test_swapped_rows_break_where_the_first_of_them_stood():
    entries = [bytes([number]) for number in range(8)]
    links = chained(entries, START)
    order = [0, 1, 5, 3, 4, 2, 6, 7]

    assert first_broken([entries[at] for at in order], [links[at] for at in order], START) == 2
