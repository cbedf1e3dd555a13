"""Signed checkpoints: what was signed is read, and nothing else is."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from inventory.traces import notes
from inventory.traces.notes import Checkpoint, NotANote, Signer, Verifier

SIGNER = Signer.of_seed("orchard.example.org", bytes(range(32)))
OTHER = Signer.of_seed("orchard.example.org", bytes(32))
HERE = Checkpoint(
    origin="orchard.example.org/traces/yijun",
    size=1_234,
    root=b"\x01" * 32,
    head=b"\x02" * 32,
    signed_at=datetime(2026, 11, 27, 1, 30, tzinfo=UTC),
)
NOTE = notes.sign(HERE, SIGNER)


def test_a_note_says_what_was_signed():
    assert notes.read(NOTE, [OTHER.verifier, SIGNER.verifier]) == HERE


def test_a_note_is_text_that_people_can_read():
    lines = NOTE.splitlines()
    assert lines[:3] == [HERE.origin, "1234", base64.b64encode(HERE.root).decode()]
    assert lines[5] == ""
    assert lines[6].startswith("\u2014 orchard.example.org ")


def test_the_signature_is_that_of_rfc_8032_over_the_text_alone():
    text, _, signature = NOTE.partition("\n\n")
    raw = base64.b64decode(signature.split(" ")[2])
    assert raw[:4] == SIGNER.verifier.mark
    Ed25519PublicKey.from_public_bytes(SIGNER.verifier.public_key).verify(raw[4:], text.encode() + b"\n")


@pytest.mark.parametrize("at", range(0, len(NOTE), 7))
def test_no_letter_can_be_changed(at):
    for letter in "0A\n ":
        changed = NOTE[:at] + letter + NOTE[at + 1 :]
        if changed == NOTE:
            continue
        try:
            said = notes.read(changed, [SIGNER.verifier])
        except NotANote:
            continue
        assert said == HERE, "another word passed for ours"


@pytest.mark.parametrize("verifiers", [[], [OTHER.verifier], [replace(SIGNER.verifier, name="elsewhere")]])
def test_a_note_of_nobody_we_know_says_nothing(verifiers):
    with pytest.raises(NotANote):
        notes.read(NOTE, verifiers)


@pytest.mark.parametrize("text", ["", "x", "\n\n", NOTE * 20, NOTE.partition("\n\n")[0]])
def test_what_is_no_note_is_refused(text):
    with pytest.raises(NotANote):
        notes.read(text, [SIGNER.verifier])


def test_a_signed_text_that_is_no_checkpoint_is_refused():
    text = "orchard\n7\nnothing\n"
    signature = base64.b64encode(SIGNER.verifier.mark + SIGNER.key.sign(text.encode())).decode()
    with pytest.raises(NotANote):
        notes.read(f"{text}\n\u2014 orchard.example.org {signature}\n", [SIGNER.verifier])


def test_notes_of_a_file_are_read_one_by_one():
    later = notes.sign(replace(HERE, size=2_000), SIGNER)
    assert notes.split(NOTE + later) == [NOTE, later]
    assert notes.split(NOTE + "rest") == [NOTE, "rest\n"]
    assert notes.split("") == []


def test_a_key_is_told_in_one_line():
    assert Verifier.of_text(SIGNER.verifier.text() + "\n") == SIGNER.verifier
    for wrong in (
        "",
        "a+b+c",
        SIGNER.verifier.text()[:-4],
        SIGNER.verifier.text().replace("orchard", "orchid"),
    ):
        with pytest.raises(NotANote):
            Verifier.of_text(wrong)
