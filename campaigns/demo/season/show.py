"""A season for people: after each step what became of boxes, orders and money, with small pictures."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from campaigns.demo.season.play import Step
from marketplace.language import Text
from marketplace.ledger.reading import name_of
from marketplace.values import Money

BAR: Final = 40
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_FULL: Final = "█"

STEPS: Final[dict[str, Text]] = {
    "planned": Text(
        en="Planned: pledges, goal, ladder, the hash of the seed",
        zh="排期：承诺货源、目标、阶梯价、种子摘要",
    ),
    "sold": Text(
        en="Ten days of sale: deposits are paid",
        zh="十天预售：支付定金",
    ),
    "allocating": Text(
        en="The sale is closed, its goal is met, cooperatives are asked",
        zh="预售结束，目标达成，询问合作社",
    ),
    "allocated": Text(
        en="Two cooperatives say no; all boxes are split again and found",
        zh="两家拒绝，余量重新分配，全部落实",
    ),
    "hail": Text(
        en="Hail at four cooperatives",
        zh="四家合作社遭冰雹",
    ),
    "short": Text(
        en="A shortage: neighbours are asked",
        zh="缺货：询问邻社",
    ),
    "settled": Text(
        en="Buyers have chosen, what is there is shared out",
        zh="买家选择后，按规则分配现有箱数",
    ),
    "balance_open": Text(
        en="The final price is fixed, the rest is due",
        zh="最终价格确定，开始支付尾款",
    ),
    "balance_paid": Text(
        en="Balances are paid, one in twenty is not",
        zh="尾款支付，约二十分之一未付",
    ),
    "balance_closed": Text(
        en="Balances are closed: who has not paid loses the deposit",
        zh="尾款结束，未付者定金归合作社",
    ),
    "paid_back": Text(
        en="What is owed to buyers is paid back",
        zh="应退款项全部退还买家",
    ),
    "advanced": Text(
        en="Cooperatives say where they are paid; three are advanced a part",
        zh="合作社登记收款账户；三家获得预付款",
    ),
    "sent": Text(
        en="Waves are released, boxes labelled, packed and handed to a carrier",
        zh="释放发货批次，贴标打包并交付承运",
    ),
    "delivered": Text(
        en="All boxes are at their buyers' doors",
        zh="全部箱子送达",
    ),
    "claims_over": Text(
        en="The days for claims are over",
        zh="售后期结束",
    ),
    "statements": Text(
        en="Statements are read, and final",
        zh="结算单经核对后生效",
    ),
    "paid_out": Text(
        en="Cooperatives are paid by two people; the season is settled",
        zh="双人复核付款，本季结清",
    ),
}
NOTES: Final[dict[str, Text]] = {
    "cooperatives": Text(en="cooperatives", zh="合作社"),
    "goal_boxes": Text(en="goal, boxes", zh="目标箱数"),
    "with_coupon": Text(en="ordered with the coupon", zh="使用优惠券下单"),
    "never_paid": Text(en="never paid", zh="未付款"),
    "withdrew": Text(en="withdrew in time", zh="限期内撤单"),
    "asked": Text(en="cooperatives asked", zh="询问合作社"),
    "declined": Text(en="said no", zh="拒绝"),
    "confirmed": Text(en="said yes", zh="确认"),
    "boxes": Text(en="boxes in stopped lots", zh="停发批次箱数"),
    "missing_boxes": Text(en="boxes missing", zh="缺货箱数"),
    "neighbours_asked": Text(en="neighbours asked", zh="询问邻社"),
    "neighbours_gave_boxes": Text(en="boxes given by neighbours", zh="邻社补货箱数"),
    "spoke": Text(en="buyers who chose", zh="作出选择的买家"),
    "due": Text(en="balances due", zh="应付尾款"),
    "paid": Text(en="balances paid", zh="已付尾款"),
    "silent": Text(en="do not pay", zh="不付尾款"),
    "defaulted": Text(en="orders in default", zh="违约订单"),
    "refunds_paid": Text(en="refunds paid", zh="已退款笔数"),
    "waves": Text(en="waves", zh="发货批次"),
    "sent_orders": Text(en="orders sent", zh="发货订单"),
    "sent_boxes": Text(en="boxes sent", zh="发货箱数"),
    "left_orders": Text(en="orders left for a later wave", zh="留待后续批次"),
    "labelled_boxes": Text(en="boxes with a label", zh="贴标箱数"),
    "parcels": Text(en="parcels delivered", zh="送达包裹"),
    "traced_boxes": Text(en="boxes followed back to their plots", zh="可追溯至地块的箱数"),
    "advances": Text(en="advances", zh="预付款笔数"),
    "statements": Text(en="statements", zh="结算单"),
    "accepted": Text(en="accepted before their days were over", zh="提前确认"),
    "payouts": Text(en="payouts", zh="付款笔数"),
    "claims_days": Text(en="days for claims", zh="售后天数"),
}
ORDERS: Final[dict[str, str]] = {
    "deposit_due": "待付定金", "deposit_paid": "已付定金", "committed": "已确认", "balance_due": "待付尾款",
    "balance_paid": "已付尾款", "balance_defaulted": "尾款违约", "released": "已释放", "withdrawn": "已撤单",
    "expired": "已过期", "payment_failed": "付款失败", "cut": "已削减",
    "packing": "备货中", "shipped": "已发货", "delivered": "已送达", "closed": "已完结",
}  # fmt: skip
MONEY: Final[dict[str, Text]] = {
    "received": Text(en="received", zh="已收"),
    "to_pay_back": Text(en="to pay back", zh="应退"),
    "paid_back": Text(en="paid back", zh="已退"),
    "forfeited": Text(en="forfeited to cooperatives", zh="罚没归合作社"),
    "taken_off": Text(en="taken off by the county's coupon", zh="县优惠券抵扣"),
}


def bar(value: int, whole: int, *, width: int = BAR) -> str:
    """So much of the whole, in eighths of a character; whole numbers only."""
    eighths = 0 if whole <= 0 else min(value, whole) * width * 8 // whole
    full, rest = divmod(eighths, 8)
    drawn = _FULL * full + (_EIGHTHS[rest] if rest else "")
    return drawn + "·" * (width - len(drawn))


def step(console: Console, done: Step, *, number: int, of: int, goal: int, currency: str = "CNY") -> None:
    said = STEPS[done.name]
    look = done.look
    console.print()
    console.print(f"[bold]{number}/{of} {said.en} · {said.zh}[/]", soft_wrap=True)
    console.print(f"[dim]{look.at} · {look.state}[/]", highlight=False)
    table = Table("", "", "", "", show_header=False, box=None, pad_edge=False)
    table.columns[1].justify = "right"
    pledged = max(look.boxes["pledged"], look.boxes["sold"])
    table.add_row(
        "boxes sold 已售箱数",
        f"{look.boxes['sold']:,}",
        bar(look.boxes["sold"], pledged),
        f"of 共 {pledged:,}",
    )
    table.add_row(
        "of the goal 目标进度", f"{goal:,}", bar(look.boxes["sold"], goal), _percent(look.boxes["sold"], goal)
    )
    total = sum(look.orders.values())
    for state, count in look.orders.items():
        table.add_row(f"orders {state} {ORDERS.get(state, '')}", f"{count:,}", bar(count, total), "")
    for name, minor in look.money_minor.items():
        if minor:
            table.add_row(f"{MONEY[name].en} {MONEY[name].zh}", _money(Money(minor, currency)), "", "")
    most = max(map(abs, look.books_minor.values()), default=0)
    for code, minor in look.books_minor.items():
        account = name_of(code)
        table.add_row(
            f"books {account.en} 账 {account.zh}", _money(Money(minor, currency)), bar(abs(minor), most), ""
        )
    for name, count in done.notes.items():
        table.add_row(f"{NOTES[name].en} {NOTES[name].zh}", f"{count:,}", "", "")
    table.add_row("messages written 通知", f"{look.told:,}", "", "")
    console.print(table)
    if done.broken:
        console.print(Line("\n".join(f"✗ {each}" for each in done.broken), style="bold red"))
    else:
        console.print("[green]✓ every promise holds 全部不变量成立[/]")


def end(console: Console, result: Mapping[str, Any], *, digest: str) -> None:
    """The whole of it: who supplied how much, what the shortage did, and the digest of all."""
    console.print(_cooperatives(result["cooperatives"]))
    if result["shortage"] is not None:
        console.print(_standings(result["shortage"]))
    console.print(f"digest 摘要 [bold]{digest}[/]", soft_wrap=True)


def _cooperatives(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Who supplies it 供货合作社", title_justify="left")
    most = max((row["supplied_boxes"] for row in rows), default=0)
    for heading in (
        "code",
        "cooperative 合作社",
        "households 户",
        "answers 答复",
        "boxes 箱",
        "",
        "forfeits 罚没",
        "advanced 预付",
        "paid out 付款",
    ):
        is_number = heading.startswith(("households", "boxes", "forfeits", "advanced", "paid"))
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        answers = ", ".join(f"{state} {kept}" for state, _, kept in row["commitments"])
        table.add_row(
            row["code"],
            row["name_zh"],
            f"{row['households']:,}",
            answers,
            f"{row['supplied_boxes']:,}",
            bar(row["supplied_boxes"], most, width=20),
            *(_in_yuan(row[name]) for name in ("forfeits_minor", "advanced_minor", "paid_out_minor")),
        )
    return table


def _standings(shortage: Mapping[str, Any]) -> Table:
    table = Table(title="The shortage 缺货", title_justify="left", caption=_cut(shortage))
    for heading in ("code", "pledged 承诺", "there 现有", "", "carried 承担(箱)"):
        table.add_column(heading, justify="left" if heading in ("code", "") else "right", no_wrap=True)
    for code, pledged, there, carried, _ in shortage["standings"]:
        if pledged != there or carried:
            table.add_row(
                code, f"{pledged:,}", f"{there:,}", bar(there, pledged, width=20), f"{carried or 0:,}"
            )
    return table


def _cut(shortage: Mapping[str, Any]) -> str:
    cuts = shortage["cuts"]
    return (
        f"{shortage['committed_boxes']:,} sold 已售, {shortage['supply_boxes']:,} there 现有, "
        f"{shortage['covered_boxes']:,} given 补货; {cuts['given_up_boxes']:,} given up 放弃, "
        f"{cuts['cut_boxes']:,} cut 削减 ({cuts['orders']:,} orders 单)"
    )


def _percent(part: int, whole: int) -> str:
    return f"{part * 100 // whole} %" if whole else ""


def _in_yuan(minor: int) -> str:
    return _money(Money(minor, "CNY")) if minor else ""


def _money(money: Money) -> str:
    yuan, fen = divmod(abs(money.minor), 100)
    return f"{'−' if money.minor < 0 else ''}{yuan:,}.{fen:02} {money.currency}"
