"""The JSON reader: everything it accepts means what the standard reader says, and what is doubtful is refused."""

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace import strict_json
from marketplace.strict_json import DEPTH_MAX, DIGITS_MAX, NODES_MAX, MalformedJson

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**90), 10**90)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=30,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 0, 2]))
def test_what_json_writes_is_read_as_it_was(value, is_ascii, indent):
    body = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    assert strict_json.loads(body) == value


@given(
    st.binary(max_size=200)
    | TEXTS.map(str.encode)
    | st.text(alphabet='{}[]",:\\u0dea18.-+ \n').map(str.encode)
)
def test_any_bytes_are_refused_or_mean_what_the_standard_reader_says(body):
    try:
        value = strict_json.loads(body)
    except MalformedJson:
        return
    assert value == json.loads(body)
    assert_is_sound(value)


def assert_is_sound(value):
    """Nothing in it that a database or an answer cannot carry."""
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_is_bounded(opening):
    def body(depth):
        closing = "]" if opening == "[" else "}"
        return (opening * depth + "1" + closing * depth).encode()

    strict_json.loads(body(DEPTH_MAX))
    for depth in (DEPTH_MAX + 1, 990, 100_000):
        with pytest.raises(MalformedJson):
            strict_json.loads(body(depth))


def test_brackets_inside_of_texts_do_not_count():
    assert strict_json.loads(json.dumps(["[" * 500 + '\\"{']).encode()) == ["[" * 500 + '\\"{']


def test_the_number_of_values_is_bounded():
    assert len(strict_json.loads(b"[" + b"1," * (NODES_MAX - 2) + b"1]")) == NODES_MAX - 1
    with pytest.raises(MalformedJson):
        strict_json.loads(b"[" + b"1," * NODES_MAX + b"1]")


def test_the_length_of_numbers_is_bounded():
    assert strict_json.loads(b"9" * DIGITS_MAX) == int("9" * DIGITS_MAX)
    for body in (b"9" * (DIGITS_MAX + 1), b"9" * 5_000, b"1." + b"9" * 5_000, b"-" + b"1" * 4_301):
        with pytest.raises(MalformedJson):
            strict_json.loads(body)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1.5E+999", "9e308"])
def test_a_number_never_becomes_infinite(number):
    for body in (number, f"[{number}]", f'{{"a": {number}}}'):
        with pytest.raises(MalformedJson):
            strict_json.loads(body.encode())


def test_a_tiny_number_is_zero_like_everywhere():
    assert math.isclose(strict_json.loads(b"1e-400"), 0.0)


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\udfff\\ud800", "a\\udbff"])
@pytest.mark.parametrize(
    "around", ['"{}"', '["{}"]', '[[["{}"]]]', '{{"a": "{}"}}', '{{"{}": 1}}', '[{{"a": ["{}"]}}]']
)
def test_half_a_character_is_refused_wherever_it_stands(escape, around):
    with pytest.raises(MalformedJson):
        strict_json.loads(around.format(escape).encode())


def test_two_halves_make_one_character():
    assert strict_json.loads(b'"\\ud83c\\udf4e"') == "\U0001f34e"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        "{}".encode("utf-16-be"),
        "{}".encode("utf-32"),
        b'{"a": "\x00"}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "\\u0062": 2}}',
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
    ],
)
def test_doubtful_bodies_are_refused(body):
    with pytest.raises(MalformedJson):
        strict_json.loads(body)


@pytest.mark.parametrize("part", [b'"', b"\\", b'"\\', b"[]", b'"",', b"{}"])
def test_a_body_of_the_greatest_length_is_decided_at_once(part):
    started = time.perf_counter()
    with pytest.raises(MalformedJson):
        strict_json.loads(part * (1_000_000 // len(part)))
    assert time.perf_counter() - started < 5
