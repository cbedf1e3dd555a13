"""Every limit that a split can name has its words."""

from orders import figures
from orders.allocation.result import LIMITS


def test_every_limit_has_words_in_both_languages():
    assert set(figures.LIMITS) == set(LIMITS)
