"""A sponsorship as a picture: one bar for each figure, measured against what was bought. Pure; SVG, whole numbers."""

from typing import Final
from xml.sax.saxutils import escape

from marketplace.language import Text
from orders.sponsoring.rules import Figures

WIDTH: Final = 640
BAR: Final = 380
LEFT: Final = 130
ROW: Final = 34
TOP: Final = 64

ROWS: Final[dict[str, tuple[Text, str]]] = {
    "bought": (Text(en="bought", zh="采购"), "#4a6b8a"),
    "allocated": (Text(en="allocated", zh="已分配"), "#5b8a4a"),
    "redeemed": (Text(en="redeemed", zh="已兑换"), "#b5533c"),
    "held": (Text(en="held", zh="已保留"), "#d9a441"),
    "free": (Text(en="free", zh="可提取"), "#9bbf85"),
    "expired": (Text(en="expired", zh="已过期"), "#9a9a9a"),
}
"""What is drawn, from top to bottom: its name and its ink."""


def draw(figures: Figures, *, title: Text, kilograms: dict[str, str]) -> str:
    """`kilograms`: what is written beside each bar, by name."""
    counts = figures.counts()
    longest = max(1, *(counts[name] for name in ROWS))
    height = TOP + ROW * len(ROWS) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' font-family="sans-serif" role="img">',
        f"<title>{escape(title.en)} {escape(title.zh)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="17">{escape(title.en)}</text>',
        f'<text x="16" y="48" font-size="15" fill="#555555">{escape(title.zh)}</text>',
    ]
    for place, (name, (label, ink)) in enumerate(ROWS.items()):
        y = TOP + place * ROW
        wide = counts[name] * BAR // longest
        parts += [
            f'<text x="{LEFT - 10}" y="{y + 17}" font-size="13" text-anchor="end">{label.en} {label.zh}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{wide}" height="{ROW - 10}" fill="{ink}"/>',
            f'<text x="{LEFT + wide + 8}" y="{y + 17}" font-size="13">{counts[name]:,} · {kilograms[name]} kg</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"
