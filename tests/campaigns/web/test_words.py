"""The pages' words: both languages, the same places to fill, none missing, none left over."""

import re

import pytest

from campaigns.policy.rules import Weight
from campaigns.states import ENDED, CampaignState, CutRule
from campaigns.terms import PARTS
from campaigns.web import words
from inventory.deposit_rules import DepositType, Funder
from marketplace.language import Text
from orders.states import Silence
from tests.campaigns.spoken import places, source_of


@pytest.mark.parametrize("name", sorted(words.WORDS))
def test_a_word_is_said_in_both_languages_with_the_same_places(name: str) -> None:
    text = words.WORDS[name]
    assert text.en
    assert text.zh
    assert places(text.en) <= places(text.zh)
    if not name.endswith("_one"):
        assert places(text.en) == places(text.zh)


def test_every_word_is_used_and_every_used_word_is_there() -> None:
    source = source_of("web")
    named = set(re.findall(r"""["'](\w+)["']""", source))
    assert {name.removesuffix("_one") for name in words.WORDS} <= named
    counted = set(re.findall(r"""\.count\(\s*["'](\w+)["']""", source))
    assert {f"{name}_one" for name in counted} == {name for name in words.WORDS if name.endswith("_one")}
    asked = counted | set(re.findall(r"""say\(\s*["'](\w+)["']""", source))
    assert asked <= set(words.WORDS)


@pytest.mark.parametrize(
    ("table", "kinds"),
    [
        (words.STATES, CampaignState),
        (words.SENTENCES, CampaignState),
        (words.DEPOSITS, DepositType),
        (words.FUNDERS, Funder),
        (words.CUTS, CutRule),
        (words.WEIGHTS, Weight),
        (words.LEVELS, Weight),
        (words.SILENCES, Silence),
        (words.PARTS, PARTS),
    ],
)
def test_every_kind_has_its_words(table: dict[str, Text], kinds) -> None:
    assert set(table) == set(kinds)
    assert all(
        re.search("[\u4e00-\u9fff]", text.zh) and re.search("[a-zA-Z]", text.en) for text in table.values()
    )


def test_every_state_of_a_campaign_that_takes_place_stands_in_one_phase() -> None:
    found = [state for _, _, states in words.PHASES for state in states]
    assert len(found) == len(set(found))
    assert set(found) == set(CampaignState) - ENDED - {CampaignState.DRAFT}
