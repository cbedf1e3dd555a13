"""The words of the pages of boxes and things: both languages, the same places to fill, none left over."""

import re

import pytest

from campaigns.tracing import words
from inventory.labels.states import SerialState
from orders.fulfilment.states import ParcelState
from tests.campaigns.spoken import places, source_of


@pytest.mark.parametrize("name", sorted(words.WORDS))
def test_a_word_is_said_in_both_languages_with_the_same_places(name: str) -> None:
    text = words.WORDS[name]
    assert text.en
    assert text.zh
    assert places(text.en) == places(text.zh)


def test_every_word_is_used() -> None:
    source = source_of("tracing")
    assert set(words.WORDS) <= set(re.findall(r"""["'](\w+)["']""", source))


def test_every_state_has_its_words() -> None:
    assert set(words.VERDICTS) == set(SerialState) - {SerialState.VOID}
    assert {kind for kind, _ in words.VERDICTS.values()} == {"good", "waiting", "bad"}
    assert set(words.PARCELS) == {each.value for each in ParcelState}
