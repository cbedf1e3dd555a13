"""The tree of RFC 6962: the known roots of a small list and laws of its proofs."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.traces.merkle import (
    EMPTY_ROOT,
    PROOF_LENGTH_MAX,
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    path_of,
    root,
    runs_of,
)

ENTRIES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
"""The list by which implementations of certificate logs compare themselves."""
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
lists = st.lists(st.binary(max_size=4), min_size=1, max_size=40)


def leaves_of(entries):
    return [leaf_hash(entry) for entry in entries]


@pytest.mark.parametrize(("size", "known"), ROOTS.items())
def test_the_roots_that_others_find(size, known):
    assert root(leaves_of(ENTRIES[:size])).hex() == known


def test_the_tree_is_split_after_the_largest_power_of_two():
    one, two, three = leaves_of([b"a", b"b", b"c"])

    left = sha256(b"\x01" + one + two).digest()
    assert root([one, two, three]) == sha256(b"\x01" + left + three).digest()
    assert inclusion_proof([one, two, three], 2) == [left]
    assert inclusion_proof([one, two, three], 0) == [two, three]


def test_no_entry_passes_for_a_pair():
    one, two = leaves_of([b"a", b"b"])

    assert leaf_hash(one + two) != root([one, two])


@settings(deadline=None)
@given(lists)
def test_every_entry_has_its_proof(entries):
    leaves = leaves_of(entries)
    whole = root(leaves)

    for index, leaf in enumerate(leaves):
        proof = inclusion_proof(leaves, index)
        assert len(proof) <= (len(leaves) - 1).bit_length()
        assert is_included(leaf, index, len(leaves), proof, whole)


@settings(deadline=None)
@given(lists, st.data())
def test_a_proof_is_of_one_entry_at_one_place_in_one_list(entries, data):
    leaves = [leaf_hash(bytes([position]) + entry) for position, entry in enumerate(entries)]
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, whole, size = inclusion_proof(leaves, index), root(leaves), len(leaves)

    assert not is_included(leaf_hash(b"forged"), index, size, proof, whole)
    assert not is_included(leaves[index], index, size, proof, leaf_hash(b"another"))
    assert not is_included(leaves[index], index, size, [*proof, whole], whole)
    for other in range(-1, size + 1):
        assert is_included(leaves[index], other, size, proof, whole) == (other == index)
    for position in range(len(proof)):
        changed = [*proof]
        changed[position] = leaf_hash(changed[position])
        assert not is_included(leaves[index], index, size, changed, whole)
        assert not is_included(leaves[index], index, size, proof[:position] + proof[position + 1 :], whole)


@settings(deadline=None)
@given(lists, st.data())
def test_a_list_that_only_grew_can_show_it(entries, data):
    leaves = leaves_of(entries)
    old_size = data.draw(st.integers(0, len(leaves)))
    proof = consistency_proof(leaves, old_size)
    old, new = root(leaves[:old_size]), root(leaves)

    assert is_consistent(old_size, old, len(leaves), new, proof)
    if old_size > 0:
        assert not is_consistent(old_size, leaf_hash(b"another"), len(leaves), new, proof)
        assert not is_consistent(old_size, old, len(leaves), leaf_hash(b"another"), proof)
        assert not is_consistent(old_size, old, len(leaves), new, [*proof, old])


@settings(deadline=None)
@given(lists, st.data())
def test_a_list_that_was_rewritten_cannot(entries, data):
    leaves = leaves_of(entries)
    old_size = data.draw(st.integers(1, len(leaves)))
    place = data.draw(st.integers(0, old_size - 1))
    old = root(leaves[:old_size])
    leaves[place] = leaf_hash(b"rewritten")

    assert not is_consistent(old_size, old, len(leaves), root(leaves), consistency_proof(leaves, old_size))


def test_what_cannot_be_is_refused():
    leaves = leaves_of(ENTRIES)

    for index in (-1, len(leaves)):
        with pytest.raises(IndexError):
            inclusion_proof(leaves, index)
    for old_size in (-1, len(leaves) + 1):
        with pytest.raises(IndexError):
            consistency_proof(leaves, old_size)
    assert not is_consistent(9, root(leaves), 8, root(leaves), [])
    assert not is_consistent(3, root(leaves[:3]), 8, root(leaves), [])
    assert not is_consistent(0, leaves[0], 8, root(leaves), [])
    assert is_consistent(0, EMPTY_ROOT, 8, root(leaves), [])
    long = [leaves[0]] * (PROOF_LENGTH_MAX + 1)
    assert not is_included(leaves[0], 0, 1 << 200, long, leaves[0])
    assert not is_consistent(3, leaves[0], 1 << 200, leaves[0], long)


@given(lists, st.data())
def test_a_frontier_grows_into_the_same_list(entries, data):
    leaves = leaves_of(entries)
    cut = data.draw(st.integers(0, len(leaves)))
    first, before = Frontier().extended(leaves[:cut])
    whole, after = first.extended(leaves[cut:])
    assert (whole.size, whole.root()) == (len(leaves), root(leaves))
    assert len(whole.hashes) == len(leaves).bit_count()
    for node in before + after:
        start = node.index << node.level
        assert node.hash == root(leaves[start : start + (1 << node.level)])
    assert runs_of(b"".join(whole.hashes)) == whole.hashes


@given(lists, st.data())
def test_a_path_from_whole_runs_is_the_proof(entries, data):
    leaves = leaves_of(entries)
    index = data.draw(st.integers(0, len(leaves) - 1))

    def run(level: int, place: int) -> bytes:
        span = leaves[place << level : (place + 1) << level]
        assert len(span) == 1 << level, "asked for a run that is not whole"
        return root(span)

    assert path_of(index, len(leaves), run) == inclusion_proof(leaves, index)


def test_there_is_no_path_to_what_is_not_there():
    with pytest.raises(IndexError):
        path_of(3, 3, lambda _level, _index: b"")
