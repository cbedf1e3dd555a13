"""Each event's proof leads to the root that was signed, whatever the chain's length."""

import pytest

from inventory.traces import checkpointing, keys, notes, proving
from inventory.traces.merkle import is_included, leaf_hash
from inventory.traces.proving import NotSignedYet, Proof
from marketplace import context, database
from tests.builders import Market
from tests.traces.told import observed, recorded


def proof_of(market: Market, number: int) -> Proof:
    with database.reading() as session:
        return proving.prove(session, county_id=market.county_id, number=number)


def signed(market: Market) -> None:
    with market.app.app_context():
        database.transact(lambda session: checkpointing.sign_all(session, context.system()))


@pytest.mark.parametrize("events", [1, 2, 3, 7, 257, 600])
def test_every_event_is_proven_by_what_was_signed(market: Market, events: int) -> None:
    recorded(market, *(observed(number) for number in range(events)))
    signed(market)
    for number in {1, 2, events // 2 or 1, events - 1 or 1, events}:
        if number > events:
            continue
        proof = proof_of(market, number)
        with market.app.app_context():
            checkpoint = notes.read(proof.note, keys.verifiers())
        assert (checkpoint.size, proof.size) == (events, events)
        assert is_included(proof.leaf, number - 1, proof.size, proof.path, checkpoint.root)
        assert proof.leaf == leaf_hash(
            proof.body.encode() + (b"\n" + proof.context.encode() if proof.context else b"")
        )
        assert len(proof.path) <= 10
        other = leaf_hash(proof.body.replace("storing", "holding").encode())
        assert not is_included(other, number - 1, proof.size, proof.path, checkpoint.root)


def test_what_came_after_the_last_checkpoint_is_not_signed_yet(market: Market) -> None:
    recorded(market, observed(1))
    signed(market)
    recorded(market, observed(2))
    assert proof_of(market, 1).size == 1
    with pytest.raises(NotSignedYet):
        proof_of(market, 2)
    signed(market)
    assert proof_of(market, 2).size == 2
    assert proof_of(market, 1).size == 1, "it stays the same"
