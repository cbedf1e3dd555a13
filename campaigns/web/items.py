"""What the page shows of one item: its price now and later, the ladder, who gets what, the split. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from campaigns import terms
from campaigns.policy.rules import Policy
from campaigns.states import ENDED, CampaignState
from campaigns.terms import Step, Waterfall
from campaigns.web import formats, pictures, words
from campaigns.web.formats import Names
from campaigns.web.pictures import Bar, LadderPicture
from campaigns.web.reader import Reader
from inventory import deposit_rules
from inventory.deposit_rules import Deposit, DepositType

S = CampaignState


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    price: str
    begins: str
    note: str
    is_now: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    name: str
    amount: str
    percent: str
    bar: Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRow:
    name: Names
    boxes: str
    before: Bar | None
    now: Bar | None
    before_text: str
    after_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSeen:
    rows: tuple[SplitRow, ...]
    line: Bar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Of one box; what does not apply is empty."""

    shown: str
    reached: str
    final: str
    now: str
    later: str
    later_reached: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSeen:
    id: str
    name: Names
    grade: str
    size: str | None
    pack: str
    prices: Prices
    deposit: str
    notes: tuple[str, ...]
    left: str
    limits: str
    steps: tuple[StepRow, ...]
    step_bounds: str
    """From how many boxes another step begins, for the script; and how many of these are reached."""
    steps_reached: int
    picture: LadderPicture | None
    picture_says: str
    labels: tuple[str, ...]
    """Of the picture's stairs."""
    parts_of: str
    parts: tuple[PartRow, ...]
    split: SplitSeen | None


def item(row: Mapping[str, Any], state: CampaignState, policy: Policy | None, reader: Reader) -> ItemSeen:
    steps, deposit, currency = _steps(row), deposit_rules.read(row["deposit"]), row["currency"]
    sold = 0 if state in ENDED else row["boxes_sold"]
    final = row["final_unit_price_minor"]
    here = terms.reached(steps, sold)
    if final is not None:
        here = next((step for step in steps if step.unit_price_minor == final), here)
        sold = max(sold, here.from_boxes)  # boxes that went back since change no price any more
    picture = pictures.ladder(steps, sold_boxes=sold) if len(steps) > 1 else None

    def money(minor: int) -> str:
        return formats.money(minor, currency)

    return ItemSeen(
        id=row["id"],
        name=reader.names(row, "name"),
        grade=row["grade"],
        size=row["size"],
        pack=reader.say("boxes_of", weight=reader.weight(row["pack_grams"])),
        prices=_prices(steps, here, deposit, reader, state=state, is_final=final is not None, money=money),
        deposit="" if deposit is None else reader.pick(words.DEPOSITS[deposit.type]),
        notes=_notes(row, deposit, reader, state=state, has_ladder=picture is not None),
        left="" if state not in _SELLABLE else reader.boxes(row["boxes_left"]),
        limits=_limits(row, reader),
        steps=_step_rows(steps, here, sold, reader, currency) if picture else (),
        step_bounds=" ".join(str(step.from_boxes) for step in steps[1:]),
        steps_reached=sum(step.from_boxes <= sold for step in steps[1:]),
        picture=picture,
        picture_says=reader.say(
            "ladder_picture",
            first=money(steps[0].unit_price_minor),
            last=money(steps[-1].unit_price_minor),
            sold=formats.whole(sold),
            price=money(here.unit_price_minor),
        ),
        labels=() if picture is None else tuple(money(each.step.unit_price_minor) for each in picture.stairs),
        parts_of=reader.say("waterfall_of", price=money(here.unit_price_minor)),
        parts=part_rows(here, reader, currency),
        split=_split(row, policy, reader),
    )


def _prices(
    steps: tuple[Step, ...],
    here: Step,
    deposit: Deposit | None,
    reader: Reader,
    *,
    state: CampaignState,
    is_final: bool,
    money: Callable[[int], str],
) -> Prices:
    """What is due now is told while it is sold, what is due later until it is over."""
    priced = terms.price(steps, deposit, boxes=1, sold_boxes=here.from_boxes)
    at_here = next(step for step in priced.steps if step.from_boxes == here.from_boxes)
    is_lower = here.unit_price_minor < steps[0].unit_price_minor
    later, later_reached = "", ""
    if state in _TO_PAY:
        due = at_here.later_minor if is_final else priced.later_minor
        may_fall = not is_final and len(steps) > 1
        later = reader.say("at_most", price=money(due)) if may_fall and due else money(due)
        later = later if due else reader.say("nothing_later")
        if at_here.later_minor < due:
            later_reached = reader.say("as_sold_now", price=money(at_here.later_minor))
    return Prices(
        shown=money(steps[0].unit_price_minor),
        reached=money(here.unit_price_minor) if is_lower and not is_final else "",
        final=money(here.unit_price_minor) if is_final else "",
        now=money(priced.now_minor) if state in _SELLABLE else "",
        later=later,
        later_reached=later_reached,
    )


_TO_PAY: Final = frozenset(S) - ENDED - {S.BALANCE_CLOSED, S.FULFILLING, S.COMPLETED, S.SETTLED}
_SELLABLE: Final = frozenset({S.SCHEDULED, S.DEPOSIT_OPEN, S.PAUSED})


def _steps(row: Mapping[str, Any]) -> tuple[Step, ...]:
    if not row["ladder"]:
        return (Step(from_boxes=0, unit_price_minor=row["unit_price_minor"]),)
    return tuple(
        Step(
            from_boxes=step["from_boxes"],
            unit_price_minor=step["unit_price_minor"],
            waterfall=None if step["waterfall"] is None else Waterfall(**step["waterfall"]),
        )
        for step in row["ladder"]
    )


def _notes(
    row: Mapping[str, Any], deposit: Deposit | None, reader: Reader, *, state: CampaignState, has_ladder: bool
) -> tuple[str, ...]:
    found = []
    is_sold = state in _SELLABLE
    if deposit is not None and deposit.funder is not None and state in _TO_PAY:
        found.append(
            reader.say(
                "deposit_bonus",
                worth=formats.money(deposit.counts_minor, row["currency"]),
                funder=reader.pick(words.FUNDERS[deposit.funder]),
            )
        )
    if is_sold and deposit is not None and deposit.type == DepositType.ADVANCE:
        found.append(reader.say("advance_free"))
    elif is_sold and deposit is not None and deposit.free_hours:
        found.append(reader.say("free_hours", hours=formats.whole(deposit.free_hours)))
    if has_ladder:
        found.append(reader.say("difference_back"))
    if is_sold:
        found.append(reader.say("keeps", days=formats.whole(row["shelf_days"])))
    if is_sold and row["has_promotions"]:
        found.append(reader.say("promotions"))
    return tuple(found)


def _limits(row: Mapping[str, Any], reader: Reader) -> str:
    told = reader.count("per_buyer", row["boxes_per_buyer_max"])
    if row["boxes_per_household_max"] is None:
        return told
    household = reader.say("per_household", count=formats.whole(row["boxes_per_household_max"]))
    return f"{told}{'，' if reader.language == 'zh' else ', '}{household}"


def _step_rows(
    steps: tuple[Step, ...], here: Step, sold: int, reader: Reader, currency: str
) -> tuple[StepRow, ...]:
    def note(step: Step) -> str:
        if step.from_boxes <= sold:
            return reader.say("reached")
        return reader.count("to_go", step.from_boxes - sold)

    return tuple(
        StepRow(
            price=formats.money(step.unit_price_minor, currency),
            begins=reader.count("from_boxes", step.from_boxes)
            if step.from_boxes
            else reader.say("from_the_start"),
            note=note(step),
            is_now=step == here,
        )
        for step in steps
    )


def part_rows(step: Step, reader: Reader, currency: str) -> tuple[PartRow, ...]:
    """Who gets what of the step's price; nothing if nobody said."""
    if step.waterfall is None:
        return ()
    amounts = {name: getattr(step.waterfall, name) for name in terms.PARTS}
    bars = pictures.waterfall(list(amounts.values()))
    return tuple(
        PartRow(
            name=reader.pick(words.PARTS[name]),
            amount=formats.money(minor, currency),
            percent=formats.percent(minor, step.unit_price_minor),
            bar=bar,
        )
        for (name, minor), bar in zip(amounts.items(), bars, strict=True)
    )


def _split(row: Mapping[str, Any], policy: Policy | None, reader: Reader) -> SplitSeen | None:
    """Each cooperative's season before and with this item, all on one scale, those that stand lowest first."""
    told = row["split"]
    if told is None or not told["shares"] or policy is None:
        return None
    sellers = {each["code"]: each for each in told["sellers"] or ()}
    levels: dict[str, tuple[Fraction, Fraction]] = {}
    for share in told["shares"]:
        if seller := sellers.get(share["code"]):
            before = Fraction(seller["history_grams"], seller["weight"])
            gained = Fraction(share["boxes"] * row["pack_grams"], seller["weight"])
            levels[share["code"]] = before, before + gained
    line = None if told["line"] is None else Fraction(told["line"])
    highest = max(
        [after for _, after in levels.values()] + ([] if line is None else [line]), default=Fraction(0)
    )

    def bar(begin: Fraction, end: Fraction) -> Bar:
        places = [int(level * pictures.PERMILLE / highest) if highest else 0 for level in (begin, end)]
        return Bar(begin=places[0], length=places[1] - places[0])

    rows = []
    for share in sorted(told["shares"], key=lambda each: (levels.get(each["code"], (0, 0))[1], each["code"])):
        known = levels.get(share["code"])
        rows.append(
            SplitRow(
                name=reader.names(share, "name"),
                boxes=formats.whole(share["boxes"]),
                before=None if known is None else bar(Fraction(0), known[0]),
                now=None if known is None else bar(*known),
                before_text="" if known is None else _level(known[0], reader),
                after_text="" if known is None else _level(known[1], reader),
            )
        )
    return SplitSeen(rows=tuple(rows), line=None if line is None else bar(line, line))


def _level(grams: Fraction, reader: Reader) -> str:
    """To ten grams."""
    return reader.weight(10 * round(grams / 10))
