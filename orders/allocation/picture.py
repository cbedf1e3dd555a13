"""A picture of one run as SVG text: every cooperative's level before and after, and the line they rise to.

One row per cooperative, so that names stay readable for dozens of them. No outside fonts, scripts or images;
each row carries a tooltip. Drawing is the one place where numbers are rounded, and only to place ink.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from html import escape
from typing import Final, Literal

from orders.allocation.result import LIMITS_OF_SUPPLY, Allocation, Limit, Share
from orders.allocation.text import UNIT_GRAMS, Unit, decimal

RowOrder = Literal["level", "roster"]

_WIDTH: Final = 1_000
_MARGIN: Final = 24
_LABELS_WIDTH: Final = 250
_PACKS_WIDTH: Final = 96
_HEAD: Final = 132
_FOOT: Final = 64
_TICKS_WANTED: Final = 6
_FONT: Final = "'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', Arial, sans-serif"

_INK: Final = "#22302b"
_FAINT: Final = "#6b7a74"
_GRID: Final = "#e3e8e5"
_BEFORE: Final = "#b9c4bf"
_AT_LINE: Final = "#2f8f6b"
_SHORT: Final = "#d98324"
_ABOVE: Final = "#7d6bb0"
_WATER: Final = "#1f6fb2"

_COLOURS: Final[dict[Limit, str]] = {
    "nothing": _AT_LINE,
    "stock": _SHORT,
    "household_cap": _SHORT,
    "history": _ABOVE,
    "demand": _BEFORE,
    "link": _SHORT,
    "tier": _ABOVE,
    "pack_size": _SHORT,
    "minimum_lot": _SHORT,
    "split_limit": _SHORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    """What the picture says in each language besides the numbers; an empty string leaves its place empty."""

    title_en: str = "Who gets to sell"
    title_zh: str = "分配结果"
    note_en: str = ""
    note_zh: str = ""
    weight_en: str = "household"
    weight_zh: str = "户"
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Where a level lies on the page."""

    level_max: Fraction
    row_height: int
    rows: int

    @property
    def left(self) -> int:
        return _MARGIN + _LABELS_WIDTH

    @property
    def right(self) -> int:
        return _WIDTH - _MARGIN - _PACKS_WIDTH

    @property
    def bottom(self) -> int:
        return _HEAD + self.rows * self.row_height

    @property
    def height(self) -> int:
        return self.bottom + _FOOT

    def x(self, level: Fraction) -> str:
        return _number(self.left + level / self.level_max * (self.right - self.left))

    def length(self, level: Fraction) -> str:
        return _number(level / self.level_max * (self.right - self.left))


def draw(
    allocation: Allocation,
    *,
    captions: Captions | None = None,
    order: RowOrder = "level",
    unit: Unit = "jin",
) -> str:
    """The whole SVG document. `order` is by level after, lowest first, or as in the result."""
    captions = captions or Captions()
    shares = list(allocation.sellers)
    if order == "level":
        shares.sort(key=lambda share: (share.level_after, share.id))
    highest = max((share.level_after for share in shares), default=Fraction(0))
    lines = sorted({segment.line for segment in allocation.segments if segment.line is not None})
    ticks = _ticks(max([highest, *lines]) / UNIT_GRAMS[unit])
    canvas = _Canvas(
        level_max=ticks[-1] * UNIT_GRAMS[unit], row_height=_row_height(len(shares)), rows=max(1, len(shares))
    )
    body = [
        *_head(allocation, captions),
        *_axis(ticks, canvas, captions, unit),
        *(_row(share, captions, canvas, index, unit) for index, share in enumerate(shares)),
        *(part for line in lines for part in _line(line, canvas, unit, has_label=len(lines) == 1)),
        *_foot(captions, canvas),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {canvas.height}" '
            f'width="{_WIDTH}" height="{canvas.height}" role="img" font-family="{_FONT}" fill="{_INK}">',
            f"<title>{escape(captions.title_en)} · {escape(captions.title_zh)}</title>",
            f'<rect width="{_WIDTH}" height="{canvas.height}" fill="#ffffff"/>',
            *body,
            "</svg>\n",
        ]
    )


def _head(allocation: Allocation, captions: Captions) -> list[str]:
    packs = sum(share.packs for share in allocation.sellers)
    givers = sum(1 for share in allocation.sellers if share.packs)
    missing = allocation.unfilled_packs
    count_en = f"{packs:,} boxes from {givers:,} of {len(allocation.sellers):,} cooperatives"
    count_zh = f"{len(allocation.sellers):,} 社中 {givers:,} 社供 {packs:,} 箱"
    if missing:
        count_en += f", {missing:,} short"
        count_zh += f"，缺 {missing:,} 箱"
    title = f"{captions.title_en}  {captions.title_zh}".strip()
    return [
        _text(_MARGIN, 38, title, size=22, weight="600"),
        _text(_MARGIN, 62, f"{count_en}  ·  {count_zh}", size=13, colour=_FAINT),
        *_legend(allocation),
        _text(_WIDTH - _MARGIN, _HEAD - 10, "boxes 箱", size=11, colour=_FAINT, anchor="end"),
    ]


def _legend(allocation: Allocation) -> list[str]:
    limits = {share.limited_by for share in allocation.sellers}
    entries = [
        (_BEFORE, "sold before 此前已售", any(share.level_before for share in allocation.sellers)),
        (_AT_LINE, "sold now, at the line 本次·到线", "nothing" in limits),
        (_SHORT, "gave all it had 存果售尽", bool(limits & LIMITS_OF_SUPPLY)),
        (_ABOVE, "already above the line 已超线", "history" in limits),
    ]
    parts, x = [], _MARGIN
    for colour, label, is_shown in entries:
        if is_shown:
            parts.append(f'<rect x="{x}" y="78" width="12" height="12" rx="2" fill="{colour}"/>')
            parts.append(_text(x + 18, 89, label, size=12))
            x += 34 + sum(12 if ord(letter) > 0x2E80 else 7 for letter in label)
    return parts


def _axis(ticks: Sequence[Fraction], canvas: _Canvas, captions: Captions, unit: Unit) -> list[str]:
    parts = []
    for tick in ticks:
        x = canvas.x(tick * UNIT_GRAMS[unit])
        parts.append(
            f'<line x1="{x}" y1="{_HEAD}" x2="{x}" y2="{canvas.bottom}" stroke="{_GRID}" stroke-width="1"/>'
        )
        parts.append(
            _text(
                x,
                canvas.bottom + 16,
                decimal(tick, _places(ticks[1])),
                size=11,
                colour=_FAINT,
                anchor="middle",
            )
        )
    unit_zh = {"g": "克", "kg": "公斤", "jin": "斤"}[unit]
    label = f"{unit} per {captions.weight_en} this season  本季每{captions.weight_zh}{unit_zh}数"
    middle = (canvas.left + canvas.right) // 2
    parts.append(_text(middle, canvas.bottom + 36, label, size=12, colour=_FAINT, anchor="middle"))
    return parts


def _row(share: Share, captions: Captions, canvas: _Canvas, index: int, unit: Unit) -> str:
    top, tall = _HEAD + index * canvas.row_height, canvas.row_height
    bar_top, bar = top + tall * 15 // 100, max(2, tall * 7 // 10)
    name_en, name_zh = captions.names.get(share.id, ("", ""))
    levels = [decimal(level / UNIT_GRAMS[unit]) for level in (share.level_before, share.level_after)]
    tip = f"{share.id} {name_en} {name_zh}: {levels[0]} → {levels[1]} {unit}, {share.packs:,} boxes 箱"
    parts = [f"<g><title>{escape(tip)}</title>"]
    baseline, size = top + tall * 72 // 100, min(12, tall - 4)
    if size >= 6:
        parts.append(_text(_MARGIN, baseline, share.id, size=size, colour=_FAINT))
        parts.append(
            _text(canvas.left - 8, baseline, _shortened(name_zh or name_en), size=size, anchor="end")
        )
        parts.append(_text(_WIDTH - _MARGIN, baseline, f"{share.packs:,}", size=size, anchor="end"))
    before, gain = share.level_before, share.level_after - share.level_before
    colour = _COLOURS[share.limited_by]
    if before:
        parts.append(_bar(canvas.x(Fraction(0)), bar_top, canvas.length(before), bar, _BEFORE))
    if gain:
        parts.append(_bar(canvas.x(before), bar_top, canvas.length(gain), bar, colour))
    else:
        # Nothing sold now still shows its reason: a thin upright mark in the reason's colour.
        parts.append(_bar(canvas.x(before), bar_top, "3", bar, colour))
    return "".join(parts) + "</g>"


def _line(line: Fraction, canvas: _Canvas, unit: Unit, *, has_label: bool) -> list[str]:
    """The water line; a market has several, each a hair's breadth with its number in the tooltip."""
    x, number = canvas.x(line), decimal(line / UNIT_GRAMS[unit])
    is_right_half = line * 2 > canvas.level_max
    if not has_label:
        return [
            f'<line x1="{x}" y1="{_HEAD - 24}" x2="{x}" y2="{canvas.bottom}" stroke="{_WATER}" '
            f'stroke-width="1"><title>line 线 {number}</title></line>'
        ]
    return [
        f'<line x1="{x}" y1="{_HEAD - 24}" x2="{x}" y2="{canvas.bottom}" stroke="{_WATER}" '
        'stroke-width="2"/>',
        _text(
            f"{float(x) + (-6 if is_right_half else 6):.1f}",
            _HEAD - 12,
            f"line 线 {number}",
            size=13,
            colour=_WATER,
            weight="600",
            anchor="end" if is_right_half else "start",
        ),
    ]


def _foot(captions: Captions, canvas: _Canvas) -> list[str]:
    note = "  ".join(part for part in (captions.note_en, captions.note_zh) if part)
    return [_text(_MARGIN, canvas.height - 8, note, size=11, colour=_FAINT)] if note else []


def _bar(x: str, y: int, width: str, height: int, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}"/>'


def _text(
    x: int | str,
    y: int,
    content: str,
    *,
    size: int,
    colour: str = _INK,
    weight: str = "400",
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(content)}</text>'
    )


def _ticks(highest: Fraction) -> list[Fraction]:
    """Round numbers from zero to just above `highest`."""
    step = Fraction(1)
    while step * _TICKS_WANTED < highest:
        step *= 10
    while step * _TICKS_WANTED > highest * 10 > 0:
        step /= 10
    step = next(s for s in (step / 10, step / 5, step / 4, step / 2, step) if s * _TICKS_WANTED >= highest)
    count = max(1, -(-highest // step))
    return [step * index for index in range(count + 1)]


def _places(step: Fraction) -> int:
    places = 0
    while (step * 10**places).denominator != 1 and places < 6:
        places += 1
    return places


def _row_height(rows: int) -> int:
    """Tall for a few, thin for hundreds; under ten pixels the labels give way and the tooltips stay."""
    if rows <= 12:
        return 30
    if rows <= 30:
        return 22
    return 17 if rows <= 150 else max(3, 2_550 // rows)


def _shortened(name: str) -> str:
    wide = sum(2 if ord(letter) > 0x2E80 else 1 for letter in name)
    return name if wide <= 34 else name[:31] + "…" if wide == len(name) else name[:16] + "…"


def _number(value: Fraction) -> str:
    return f"{float(value):.1f}"
