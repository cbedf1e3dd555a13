"""The life of a campaign as a picture, drawn from the one table of its moves. Pure.

A move that is added to the table without a place here fails, so the picture never tells less than the code does.
"""

from typing import Final
from xml.sax.saxutils import escape

from campaigns.states import MOVES, CampaignEvent, CampaignState
from marketplace.language import Text

S = CampaignState

WIDTH: Final = 1_290
HEIGHT: Final = 520
BOX_WIDTH: Final = 132
BOX_HEIGHT: Final = 52
COLUMN: Final = 176
ROW: Final = 116
LEFT: Final = 96
TOP: Final = 96

PLACES: Final[dict[CampaignState, tuple[int, int]]] = {
    S.PAUSED: (2, 0),
    S.FAILED: (4, 0),
    S.CLOSED: (5, 0),
    S.CANCELLED: (6, 0),
    S.DRAFT: (0, 1),
    S.SCHEDULED: (1, 1),
    S.DEPOSIT_OPEN: (2, 1),
    S.DEPOSIT_CLOSED: (3, 1),
    S.ALLOCATING: (4, 1),
    S.ALLOCATED: (5, 1),
    S.SETTLED: (0, 2),
    S.COMPLETED: (1, 2),
    S.FULFILLING: (2, 2),
    S.BALANCE_CLOSED: (3, 2),
    S.BALANCE_OPEN: (4, 2),
    S.HARVESTED: (5, 2),
    S.SHORTFALL: (5, 3),
}
NAMES: Final[dict[CampaignState, str]] = {
    S.DRAFT: "草稿",
    S.SCHEDULED: "已排期",
    S.DEPOSIT_OPEN: "预售中",
    S.PAUSED: "暂停",
    S.DEPOSIT_CLOSED: "预售结束",
    S.FAILED: "未成团",
    S.ALLOCATING: "分配中",
    S.ALLOCATED: "已分配",
    S.HARVESTED: "已采收",
    S.SHORTFALL: "短缺处理",
    S.BALANCE_OPEN: "尾款中",
    S.BALANCE_CLOSED: "尾款结束",
    S.FULFILLING: "履约中",
    S.COMPLETED: "已完成",
    S.SETTLED: "已结算",
    S.CANCELLED: "已取消",
    S.CLOSED: "已关闭",
}
_BENT: Final = {
    (S.SHORTFALL, S.FAILED): (
        f"M {LEFT + 5 * COLUMN + 66} {TOP + 3 * ROW} H {WIDTH - 20} V 24 H {LEFT + 4 * COLUMN} V {TOP - 26}",
        (WIDTH - 48, TOP + ROW * 2 - 60),
    ),
    (S.BALANCE_OPEN, S.FAILED): (
        f"M {LEFT + 4 * COLUMN + 50} {TOP + 2 * ROW - 26} V {TOP + ROW + 46} H {LEFT + 4 * COLUMN + 80}"
        f" V {TOP + 46} H {LEFT + 4 * COLUMN + 50} V {TOP + 26}",
        (LEFT + 4 * COLUMN + 98, TOP + ROW + 62),
    ),
    (S.BALANCE_CLOSED, S.FAILED): (
        f"M {LEFT + 3 * COLUMN + 50} {TOP + 2 * ROW - 26} V {TOP + ROW + 46} H {LEFT + 3 * COLUMN + 80}"
        f" V {TOP} H {LEFT + 4 * COLUMN - 66}",
        (LEFT + 3 * COLUMN + 98, TOP + ROW + 62),
    ),
}
"""Moves whose straight line would cross boxes or many others, and where their event stands."""
TITLE: Final = Text(en="The life of a campaign", zh="活动的生命周期")
LEGEND: Final = Text(
    en="✕ may be cancelled; an open sale is paused first. Dashed: the way to the end without delivery.",
    zh="✕ 可取消，售卖中须先暂停。虚线：不交付而结束。",
)
_STYLE: Final = (
    "text{font-family:sans-serif;text-anchor:middle;fill:#1d2b1f}.box{fill:#eef6ea;stroke:#3c7a3f;stroke-width:1.5}"
    ".end{fill:#fbeeee;stroke:#a33b3b}.move{stroke:#3c7a3f;stroke-width:1.5;fill:none;marker-end:url(#tip)}"
    ".lost{stroke:#a33b3b;stroke-dasharray:5 4}.event{font-size:11px;fill:#55625a}.word{font-size:13px;font-weight:600}"
    ".zh{font-size:13px}.mark{font-size:13px;fill:#a33b3b}"
)
_ENDS: Final = frozenset({S.FAILED, S.CANCELLED, S.CLOSED})


def draw() -> str:
    """An SVG document."""
    moves = [
        (before, event, after)
        for before, following in MOVES.items()
        for event, after in following.items()
        if event != CampaignEvent.CANCEL
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(TITLE.en)} {escape(TITLE.zh)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#3c7a3f"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        *(_move(*each) for each in moves),
        *(_box(state) for state in PLACES),
        f'<text x="{WIDTH // 2 - 60}" y="{HEIGHT - 34}" class="zh">{escape(LEGEND.en)}</text>',
        f'<text x="{WIDTH // 2 - 60}" y="{HEIGHT - 14}" class="zh">{escape(LEGEND.zh)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _middle(state: CampaignState) -> tuple[int, int]:
    column, row = PLACES[state]
    return LEFT + column * COLUMN, TOP + row * ROW


def _box(state: CampaignState) -> str:
    x, y = _middle(state)
    kind = "box end" if state in _ENDS else "box"
    mark = (
        f'<text x="{x + 56}" y="{y - 13}" class="mark">✕</text>'
        if CampaignEvent.CANCEL in MOVES[state]
        else ""
    )
    return (
        f'<rect x="{x - BOX_WIDTH // 2}" y="{y - BOX_HEIGHT // 2}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
        f'rx="8" class="{kind}"/><text x="{x}" y="{y - 3}" class="word">{state.value}</text>'
        f'<text x="{x}" y="{y + 16}" class="zh">{NAMES[state]}</text>{mark}'
    )


def _move(before: CampaignState, event: CampaignEvent, after: CampaignState) -> str:
    (x0, y0), (x1, y1) = _middle(before), _middle(after)
    kind = "move lost" if after in _ENDS else "move"
    if (before, after) in _BENT:
        path, (x, y) = _BENT[before, after]
        return f'<path d="{path}" class="{kind}"/><text x="{x}" y="{y}" class="event">{event.value}</text>'
    start, end = _edge(x0, y0, x1, y1), _edge(x1, y1, x0, y0)
    aside = 11 if before in MOVES[after].values() else 0  # two moves between two boxes stand side by side
    shift = aside if y1 < y0 else -aside
    path = f"M {start[0] + shift} {start[1]} L {end[0] + shift} {end[1]}"
    x, y = (start[0] + end[0]) // 2, (start[1] + end[1]) // 2
    if y0 == y1:
        y -= 34
    else:
        x += 34 if y1 < y0 or not aside else -34
    return f'<path d="{path}" class="{kind}"/><text x="{x}" y="{y}" class="event">{event.value}</text>'


def _edge(x0: int, y0: int, x1: int, y1: int) -> tuple[int, int]:
    """Where the line from one middle to another leaves the first one's box."""
    if y0 == y1:
        return x0 + (BOX_WIDTH // 2 if x1 > x0 else -BOX_WIDTH // 2), y0
    return x0 if x0 == x1 else x0 + (BOX_WIDTH // 3 if x1 > x0 else -BOX_WIDTH // 3), y0 + (
        BOX_HEIGHT // 2 if y1 > y0 else -BOX_HEIGHT // 2
    )
