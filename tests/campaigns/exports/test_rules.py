"""Pure rules of exports: fruit that keeps long enough, stages, countries, and files known by their bytes."""

from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.exports import file_rules, rules
from campaigns.exports.file_rules import FileType
from campaigns.exports.rules import Incoterm, Stage
from orders.states import OrderState
from tests.campaigns.exports.abroad import FILES, JPEG, PDF, PNG

DAY = date(2026, 11, 1)
PILES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), max_size=4)


def on(piles: list[tuple[int, int]]) -> list[tuple[date, int]]:
    return [(DAY + timedelta(days=days), boxes) for days, boxes in piles]


def can_be_served(kept: list[tuple[int, int]], promised: list[tuple[int, int]]) -> bool:
    """By trying: whoever asks for the longest takes first, from what keeps the least of what is enough."""
    for order in permutations(promised) if len(promised) < 4 else [sorted(promised, reverse=True)]:
        left = sorted([days, boxes] for days, boxes in kept)
        served = True
        for days, boxes in order:
            open_boxes = boxes
            for pile in left:
                if pile[0] >= days:
                    taken = min(open_boxes, pile[1])
                    pile[1] -= taken
                    open_boxes -= taken
            served = served and not open_boxes
        if served:
            return True
    return False


@given(kept=PILES, promised=PILES)
def test_all_promises_are_kept_exactly_when_trying_finds_a_way(
    kept: list[tuple[int, int]], promised: list[tuple[int, int]]
) -> None:
    assert (rules.lacking(on(kept), on(promised)) is None) == can_be_served(kept, promised)


@given(kept=PILES, promised=PILES, more=st.tuples(st.integers(0, 5), st.integers(0, 6)))
def test_more_fruit_never_refuses_what_less_served(
    kept: list[tuple[int, int]], promised: list[tuple[int, int]], more: tuple[int, int]
) -> None:
    if rules.lacking(on(kept), on(promised)) is None:
        assert rules.lacking(on([*kept, more]), on(promised)) is None


def test_what_lacks_is_told_with_its_day_and_boxes() -> None:
    lacking = rules.lacking(on([(1, 10), (5, 3)]), on([(1, 2), (5, 4)]))
    assert lacking == rules.Lacking(good_until=DAY + timedelta(days=5), good_boxes=3, promised_boxes=4)


@pytest.mark.parametrize(("shelf_days", "days"), [(30, 30), (45, 45), (365, 365)])
def test_abroad_asks_for_thirty_days_and_a_country_for_more(shelf_days: int, days: int) -> None:
    assert rules.needed_until(DAY, shelf_days) == DAY + timedelta(days=days)


def test_the_terms_of_delivery_are_the_eleven_of_2020() -> None:
    assert len(Incoterm) == 11
    assert {each.value for each in Incoterm} == set(
        "EXW FCA CPT CIP DAP DPU DDP FAS FOB CFR CIF".split()  # noqa: SIM905 (read as they are listed)
    )


@pytest.mark.parametrize("country", ["AE", "SG", "HK"])
def test_a_country_is_two_capital_letters(country: str) -> None:
    assert rules.is_foreign(country)


@pytest.mark.parametrize("country", ["CN", "ae", "A", "ARE", "", "A1", "AE\n", "ＡＥ"])
def test_other_words_are_no_country(country: str) -> None:
    assert not rules.is_foreign(country)


def test_every_state_has_its_stage() -> None:
    told = {
        state: {
            rules.stage_of(state, is_complete=is_complete, is_ready=is_ready)
            for is_complete in (False, True)
            for is_ready in (False, True)
        }
        for state in OrderState
    }
    assert told.pop(OrderState.PROPOSED) == {Stage.PROPOSED}
    assert told.pop(OrderState.DEPOSIT_DUE) == {Stage.AWAITING_PAYMENT}
    assert told.pop(OrderState.COMMITTED) == {
        Stage.AWAITING_DOCUMENTS,
        Stage.DOCUMENTS_COMPLETE,
        Stage.READY_TO_SHIP,
    }
    assert set().union(*told.values()) == {Stage.ENDED}


@pytest.mark.parametrize(("media_type", "data"), FILES.items())
def test_a_good_file_is_what_it_says(media_type: str, data: bytes) -> None:
    file_rules.check(data, FileType(media_type))
    assert file_rules.type_of(data) == media_type


@pytest.mark.parametrize(("media_type", "data"), FILES.items())
def test_a_file_claims_no_other_type(media_type: str, data: bytes) -> None:
    for other in set(FileType) - {FileType(media_type)}:
        with pytest.raises(file_rules.FileTypeDiffers) as refused:
            file_rules.check(data, other)
        assert refused.value.facts == {"found": media_type}


@pytest.mark.parametrize(("media_type", "data"), [("image/png", PNG), ("image/jpeg", JPEG)])
def test_a_picture_cut_anywhere_is_refused(media_type: str, data: bytes) -> None:
    for end in range(1, len(data)):
        with pytest.raises((file_rules.FileTruncated, file_rules.FileTypeDiffers)):
            file_rules.check(data[:end], FileType(media_type))


def test_a_pdf_without_its_end_is_refused() -> None:
    with pytest.raises(file_rules.FileTruncated):
        file_rules.check(PDF.replace(b"%%EOF", b""), FileType.PDF)
    with pytest.raises(file_rules.FileTruncated):
        file_rules.check(PDF + b" " * 2_000, FileType.PDF)


@pytest.mark.parametrize(
    "data", [b"MZ\x90\x00", b"<svg/>", b"<html>", b"PK\x03\x04", b" " + PDF, b"%PDF", b"\x00" * 64, b"GIF89a"]
)
def test_what_is_no_paper_is_refused(data: bytes) -> None:
    for claimed in FileType:
        with pytest.raises(file_rules.FileTypeDiffers):
            file_rules.check(data, claimed)


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(file_rules.FileEmpty):
        file_rules.check(b"", FileType.PDF)
    with pytest.raises(file_rules.FileTooLarge):
        file_rules.check(PDF.ljust(file_rules.BYTES_MAX + 1), FileType.PDF)
    file_rules.check(b"%PDF-1.7\n".ljust(file_rules.BYTES_MAX - 6) + b"%%EOF\n", FileType.PDF)


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    for claimed in FileType:
        try:
            file_rules.check(data, claimed)
        except (file_rules.FileEmpty, file_rules.FileTypeDiffers, file_rules.FileTruncated):
            continue
        assert file_rules.type_of(data) == claimed


@pytest.mark.parametrize("name", ["a.pdf", "植检证书.pdf", "invoice 7 (copy).png", "a..b.pdf"])
def test_a_plain_name_is_taken(name: str) -> None:
    assert file_rules.is_plain_name(name)


@pytest.mark.parametrize(
    "name",
    ["../a.pdf", "a/b.pdf", "a\\b.pdf", ".htaccess", "..", "c:a.pdf", 'a".pdf', "a.", "a|b", "<a>.pdf"],
)
def test_a_name_with_a_way_is_not(name: str) -> None:
    assert not file_rules.is_plain_name(name)
