"""Real servers and a worker against each other: the five, the three, and money around the end of an order."""

from tests.attacks import races
from tests.attacks.flood import silent_step
from tests.attacks.ground import laid_out
from tests.attacks.marked import private
from tests.attacks.races import INSTANTS, Fight, Instant


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
        fights = [fight for instant in (*INSTANTS[::3], taken) for fight in races.late(ground, instant, 4)]
        assert races.wait_for_ends(fights, 60) < 60
        ground.settle()
        check(fights)
        assert races.ends(fights).total() == len(fights), "which way each ends, who is quicker decides"
