"""Two languages everywhere, and refusals that name themselves."""

import re

import pytest

from marketplace import errors, problems
from marketplace.language import Text

OURS = ("marketplace.", "inventory.", "orders.", "campaigns.")
DECLARED = [each for each in errors.every_refusal() if each.__module__.startswith(OURS)]


class PearInCrate(errors.Conflict):
    title = Text(en="A pear lies in the crate.", zh="箱中有梨。")


def test_a_text_answers_in_the_asked_language():
    text = Text(en="{boxes} boxes", zh="{boxes} 箱")
    assert text.format(boxes=3).pick("en") == "3 boxes"
    assert text.format(boxes=3).pick("zh") == "3 箱"


def test_a_refusal_is_named_after_its_class():
    refusal = PearInCrate(pears=2)
    assert (refusal.code, refusal.slug(), str(refusal)) == (
        "pear_in_crate",
        "pear-in-crate",
        PearInCrate.title.en,
    )
    assert refusal.facts == {"pears": 2}
    assert problems.status_of(PearInCrate) == 409


@pytest.mark.parametrize("refusal", DECLARED, ids=lambda each: each.__name__)
def test_every_declared_refusal_speaks_both_languages_and_has_a_status(refusal):
    assert refusal.title.en
    assert re.search("[\u4e00-\u9fff]", refusal.title.zh)
    assert 400 <= problems.status_of(refusal) <= 503
    assert re.fullmatch("[a-z][a-z0-9_]*", refusal.code)


def test_slugs_are_unique():
    slugs = [each.slug() for each in DECLARED]
    assert len(slugs) == len(set(slugs))


@pytest.mark.parametrize("family", errors.FAMILIES, ids=lambda each: each.__name__)
def test_every_family_has_a_status(family):
    assert family in problems.STATUS


def test_a_refusal_outside_of_the_families_is_our_own_fault():
    assert problems.status_of(errors.Refusal) == 500


def test_facts_are_said_in_the_asked_language_and_in_plain_json():
    facts = {
        "names": [Text(en="pear", zh="梨")] * 60,
        "inner": {"name": Text(en="apple", zh="苹果")},
        "none": None,
    }
    document = problems.document(PearInCrate(**facts, kind=frozenset()), "zh")
    assert document["names"] == ["梨"] * problems.ERRORS_MAX
    assert document["inner"] == {"name": "苹果"}
    assert (document["none"], document["kind"], document["title"]) == (None, "frozenset()", "箱中有梨。")


@pytest.mark.parametrize(("kind", "seconds"), [(errors.TooMany, 60), (errors.TryLater, 2)])
def test_waiting_families_say_how_long(kind, seconds):
    assert kind().retry_after_seconds == seconds
    assert kind(retry_after_seconds=7).retry_after_seconds == 7
