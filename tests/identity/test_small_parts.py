"""Phones, passwords and tokens, each for itself."""

import unicodedata

import pytest

from marketplace.identity import passwords, phones, tokens


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("13800138000", "+8613800138000"),
        (" 138 0013-8000 ", "+8613800138000"),
        ("+8613800138000", "+8613800138000"),
        ("+49 151 23456789", "+4915123456789"),
        ("+1 202-555-0123", "+12025550123"),
    ],
)
def test_every_spelling_of_a_phone_is_one_phone(raw: str, normal: str) -> None:
    assert phones.normal(raw) == normal
    assert phones.normal(normal) == normal


@pytest.mark.parametrize(
    "raw", ["4008001234", "+1 900 555 0123", "01062345678", "1380013800", "+86", "a" * 32]
)
def test_numbers_that_cost_or_cannot_get_messages_are_refused(raw: str) -> None:
    with pytest.raises(phones.PhoneNotUsable):
        phones.normal(raw)


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    composed = unicodedata.normalize("NFC", "Käsekuchen-für-alle")
    stored = passwords.hash_of(composed)
    assert stored.startswith("$argon2id$")
    assert passwords.verify(stored, unicodedata.normalize("NFD", composed))
    assert not passwords.verify(stored, composed + " ")
    assert not passwords.is_dated(stored)


def test_what_is_no_hash_verifies_nothing() -> None:
    assert not passwords.verify("", "a long enough password")
    assert not passwords.verify("$argon2id$broken", "a long enough password")
    assert not passwords.verify(None, "a long enough password")


def test_tokens_differ_and_tell_their_kind() -> None:
    many = {tokens.new_session_token() for _ in range(100)} | {tokens.new_service_key() for _ in range(100)}
    assert len(many) == 200
    assert sum(tokens.is_service_key(token) for token in many) == 100
    assert len({tokens.digest(token) for token in many}) == 200
