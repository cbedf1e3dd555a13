"""Real servers and a worker against each other: the five, the three, and money around the end of an order."""

from tests.attacks import races
from tests.attacks.flood import silent_step
from tests.attacks.ground import laid_out
from tests.attacks.marked import private
from tests.attacks.races import ACTORS, HAVE_BOXES, INSTANTS, MONEY_BACK, NEVER_PAID, Fight, Instant


def check(fights: list[Fight]) -> None:
    ground = fights[0].ground
    assert races.strange_ends(fights) == []
    there, ours = races.totals(ground)
    assert there == ours
    assert races.oversold(ground) == []
    assert ground.broken() == []


def charge_twice(fight: Fight) -> None:
    books = fight.ground.stand_in.books
    once = next(each for each in books.all("charge") if each["payment_intent"] == fight.intent_id)
    books.add("charge", **{name: value for name, value in once.items() if name not in ("id", "created")})
    books.all("charge")[-1]["amount_refunded"] = 0


def test_the_five_within_fifty_milliseconds() -> None:
    with private() as (urls, folder), laid_out(urls, folder, webs=2, worker_threads=2) as ground:
        fights = races.five(ground, 24, silent_step)
        ground.settle()
        check(fights)
        assert races.ends(fights).total() == len(fights)
        charge_twice(fights[0])
        assert len(races.strange_ends(fights)) == 1
        there, ours = races.totals(ground)
        assert there > ours, "a second charge would be seen"


def test_each_order_of_arrival_has_its_ending() -> None:
    """One after the other, each to its end: whoever is first decides, and all three endings come up."""
    with private() as (urls, folder), laid_out(urls, folder, worker_threads=2) as ground:
        found = races.five_in_turn(ground)
        others = [who for who in ACTORS if who != "cancel"]
        assert found == {
            **{f"{who}, {when}": HAVE_BOXES for who in others for when in ("paid before", "pays then")},
            "cancel, paid before": MONEY_BACK,
            "cancel, pays then": NEVER_PAID,
        }
        found = races.three_in_turn(ground)
        assert len(found) == 6
        for way, end in found.items():
            assert end == (HAVE_BOXES if way.startswith("pay") else NEVER_PAID), way
        assert races.late_in_turn(ground) == {"boxes left": HAVE_BOXES, "boxes taken": MONEY_BACK}
        assert ground.broken() == []


def test_cancel_pay_and_the_clock() -> None:
    with private() as (urls, folder), laid_out(urls, folder, worker_threads=2) as ground:
        fights = races.three(ground, 24, silent_step)
        ground.settle()
        check(fights)
        assert races.ends(fights).total() == len(fights)


def test_money_around_the_end_of_an_order() -> None:
    """In one ground, each instant with a sale of its own."""
    with private() as (urls, folder), laid_out(urls, folder, worker_threads=2) as ground:
        taken = Instant(after_seconds=1.0, is_left=False, is_swept=True)
        past = [instant for instant in INSTANTS if instant.after_seconds > 60]
        by_instant = {instant: races.late(ground, instant, 4) for instant in (*INSTANTS[:12:3], taken, *past)}
        fights = [fight for each in by_instant.values() for fight in each]
        assert races.wait_for_ends(fights, 60) < 60
        ground.settle()
        check(fights)
        assert races.ends(fights).total() == len(fights), "around the end, who is quicker decides"
        for instant in past:
            end = NEVER_PAID if instant.is_swept else HAVE_BOXES
            assert races.ends(by_instant[instant]) == {end: 4}, instant
