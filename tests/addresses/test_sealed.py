"""Seals: they open under their own context alone, never twice alike, and a changed key is followed row by row."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace import database, sealed
from marketplace.addresses.models import SavedAddress
from marketplace.audit import AuditEntry
from tests.addresses.book import AT_HOME, added

OLD = "an-older-secret-" * 3
NEWER = "a-newer-secret-" * 3


@pytest.fixture
def keyed(app, monkeypatch):
    """`keyed(secret, before)`: the app has these keys now."""

    def change(secret, before=""):
        settings = replace(app.config["SETTINGS"], secret_key=secret, secret_key_before=before)
        monkeypatch.setitem(app.config, "SETTINGS", settings)

    return change


@given(plain=st.binary(max_size=300), context=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_is_sealed_opens_again_and_is_never_twice_alike(built_app, plain, context):
    with built_app.app_context():
        one, other = (sealed.seal(plain, context=context) for _ in range(2))
        assert one != other
        assert len(one) == len(plain) + sealed.OVERHEAD_BYTES
        assert sealed.unseal(one, context=context) == sealed.unseal(other, context=context) == plain
        with pytest.raises(sealed.SealBroken):
            sealed.unseal(one, context=f"{context}x")


@given(where=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_changed_bit_anywhere_breaks_the_seal(built_app, where, bit):
    with built_app.app_context():
        good = bytearray(sealed.seal(b"a street", context="c"))
        good[where % len(good)] ^= 1 << bit
        with pytest.raises(sealed.SealBroken):
            sealed.unseal(bytes(good), context="c")


@pytest.mark.parametrize("cut", [b"", b"\x01", b"\x01" * 32])
def test_what_is_too_short_is_no_seal(app, cut):
    with pytest.raises(sealed.SealBroken):
        sealed.unseal(cut, context="c")


def test_the_key_before_opens_and_no_other(app, keyed):
    keyed(OLD)
    kept = sealed.seal(b"x", context="c")
    assert sealed.is_current(kept)
    keyed(NEWER, OLD)
    assert sealed.unseal(kept, context="c") == b"x"
    assert not sealed.is_current(kept)
    keyed(NEWER)
    with pytest.raises(sealed.SealBroken):
        sealed.unseal(kept, context="c")


def test_after_a_reseal_the_key_before_is_not_needed(app, keyed, as_role, monkeypatch):
    monkeypatch.setattr("marketplace.resealing.BATCH", 2)
    before = app.config["SETTINGS"].secret_key
    shopper = as_role("shopper")
    made = [added(shopper, street=f"Street {number}") for number in range(5)]
    keyed(NEWER, before)
    newest = added(shopper)
    run = app.test_cli_runner().invoke(args=["reseal"])
    assert (run.exit_code, run.exception) == (0, None)
    assert "address: 5 sealed anew." in run.output
    again = app.test_cli_runner().invoke(args=["reseal"])
    assert "address: 0 sealed anew." in again.output
    keyed(NEWER)
    with database.reading() as session:
        rows = [each.sealed for each in session.query(SavedAddress)]
        told = session.query(AuditEntry).filter_by(action="sealed.reseal").all()
    assert len(rows) == 6
    assert all(map(sealed.is_current, rows))
    assert sum(each.after["rows"] for each in told) == 5
    assert shopper.get("/v1/addresses").json["items"] == [*made, newest]
    assert newest["recipient"] == AT_HOME["recipient"]
