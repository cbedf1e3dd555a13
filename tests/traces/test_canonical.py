"""One text for one value: what is written quickly is what the library of RFC 8785 writes, to the byte."""

from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inventory.traces.canonical import canonical
from marketplace import errors

TEXTS = st.text(max_size=12) | st.sampled_from(
    ['":1.5,', '"\\', "\x7f\x00\x1f\u2028", "é", "\U0001f34e", "null"]
)
NUMBERS = (
    st.integers(-(2**54), 2**54)
    | st.sampled_from([0, -0.0, 1e16, 1e21, 1e-7, 0.1, 2**53 - 1, 2**53, -(2**53), 333333333.33333329])
    | st.floats()
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(VALUES)
@example({"\U0001f34e": 1, "\uff5e": 2})
@example({"b": 1, "a": {"z": [1, 2], "A": "x"}})
@example([1.5, "1.5"])
@example("\ud800")
def test_the_quick_way_writes_what_the_long_one_does(value: Any) -> None:
    try:
        told: bytes | None = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        told = None
    if told is None:
        with pytest.raises(errors.Invalid):
            canonical(value)
    else:
        assert canonical(value) == told


def test_members_are_sorted_as_rfc_8785_sorts_them() -> None:
    """By units of UTF-16, as in its section 3.2.3: an apple outside of the first plane stands before U+FB33."""
    assert canonical({"\ufb33": 1, "\U0001f34e": 2, "1": 3, "\r": 4}) == (
        '{"\\r":4,"1":3,"\U0001f34e":2,"\ufb33":1}'.encode()
    )


@pytest.mark.parametrize("value", [2**53, [float("nan")], {"a": float("inf")}, {"a": "\udfff"}])
def test_what_no_two_programs_write_alike_is_refused(value: Any) -> None:
    with pytest.raises(errors.Invalid):
        canonical(value)
