"""The words of GS1 in their three forms."""

import pytest

from inventory.epcis import vocabulary as words

LISTS = (
    words.BIZ_STEPS,
    words.DISPOSITIONS,
    words.BIZ_TRANSACTION_TYPES,
    words.SOURCE_DESTINATION_TYPES,
    words.ERROR_REASONS,
    words.COMPONENTS,
    words.SENSOR_ALERTS,
    words.MEASUREMENTS,
)


def test_so_many_words_are_known():
    assert [len(each.names) for each in LISTS] == [41, 33, 13, 3, 2, 14, 2, 72]


@pytest.mark.parametrize("each", LISTS)
def test_each_form_means_its_word(each):
    for name in each.names:
        assert words.short_name(each, name) == name
        assert words.short_name(each, words.web_uri(each, name)) == name
        if each.urn_prefix is not None:
            assert words.short_name(each, words.urn(each, name)) == name


def test_the_forms_are_those_of_the_standard():
    assert words.web_uri(words.BIZ_STEPS, "shipping") == "https://ref.gs1.org/cbv/BizStep-shipping"
    assert words.urn(words.DISPOSITIONS, "in_transit") == "urn:epcglobal:cbv:disp:in_transit"
    assert words.web_uri(words.MEASUREMENTS, "Temperature") == "https://gs1.org/voc/Temperature"


@pytest.mark.parametrize(
    "text", ["", "Shipping", "https://example.org/shipping", "urn:epcglobal:cbv:disp:shipping"]
)
def test_words_of_others_stay_theirs(text):
    assert words.short_name(words.BIZ_STEPS, text) is None


def test_there_is_no_form_of_what_is_not_a_word():
    for form in (words.web_uri, words.urn):
        with pytest.raises(KeyError):
            form(words.BIZ_STEPS, "blossoming")
    with pytest.raises(KeyError):
        words.urn(words.MEASUREMENTS, "Temperature")
