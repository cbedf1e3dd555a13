"""Sealed values open where they belong and nowhere else."""

from dataclasses import replace

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.sealed import SealBroken, seal, unseal


@pytest.fixture
def app(built_app: Flask):
    with built_app.app_context():
        yield built_app


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_in_its_context_alone(app, plain, context):
    sealed = seal(plain, context=context)
    assert unseal(sealed, context=context) == plain
    assert seal(plain, context=context) != sealed
    with pytest.raises(SealBroken):
        unseal(sealed, context=context + "x")


def test_every_changed_byte_is_noticed(app):
    sealed = seal(b"whsec", context="a")
    assert b"whsec" not in sealed
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            unseal(bytes(changed), context="a")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            unseal(sealed[:length], context="a")


def test_another_secret_key_opens_nothing(app, monkeypatch):
    sealed = seal(b"x", context="a")
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], secret_key="another-" * 8))
    with pytest.raises(SealBroken):
        unseal(sealed, context="a")
