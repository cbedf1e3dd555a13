"""The job's result for people: the split as a table, its line, its fairness, and where to look further."""

from rich.console import Console
from rich.table import Table

from campaigns.demo.job import Outcome
from campaigns.demo.logins import COOPERATIVE, OPERATOR, Logins
from campaigns.demo.roster import Roster
from orders import allocation, bulk, figures
from orders.allocation import picture, text
from orders.allocation.picture import Captions
from orders.models import Order


def outcome(console: Console, roster: Roster, done: Outcome, *, base_url: str) -> None:
    """Everything, in the order in which it happened."""
    problem, result = bulk.stored(done.run)
    console.print()
    console.print(f"[bold]{roster.note.en}[/]\n[bold]{roster.note.zh}[/]")
    console.print(_shares(roster, done, problem, result))
    console.print(_fairness(problem, result))
    _example(console, roster, done, problem, result)
    _sold(console, done)
    _links(console, done, base_url)


def logins(console: Console, kept: Logins) -> None:
    table = Table(title="Demo log-ins 演示账号", title_justify="left")
    for heading in ("who 身份", "log-in 账号", "password 密码", "at 接口"):
        table.add_column(heading, no_wrap=True)
    table.add_row("operator 运营", OPERATOR, kept.operator_password, "POST /v1/sessions")
    table.add_row("cooperative 合作社", COOPERATIVE, kept.cooperative_password, "POST /v1/sessions")
    table.add_row(
        "shopper 买家", kept.shopper_phone, "code on this terminal 验证码见终端", "POST /v1/sessions/codes"
    )
    console.print(table)


def drawing(roster: Roster, done: Outcome) -> str:
    """The split as SVG; says on its face that the roster is not real."""
    _, result = bulk.stored(done.run)
    jin = done.bulk_order.boxes * done.bulk_order.pack_grams // figures.JIN
    captions = Captions(
        title_en=f"{jin:,} jin over {len(done.cooperatives)} sellers: {done.bulk_order.boxes:,} boxes",
        title_zh=f"{jin:,} 斤分给 {len(done.cooperatives)} 家：{done.bulk_order.boxes:,} 箱",
        note_en=roster.note.en,
        note_zh=roster.note.zh,
        names={each.code: (each.name_en, each.name_zh) for each in done.cooperatives},
    )
    return picture.draw(result, captions=captions)


def _shares(
    roster: Roster, done: Outcome, problem: allocation.Problem, result: allocation.Allocation
) -> Table:
    order = done.bulk_order
    jin = order.boxes * order.pack_grams // figures.JIN
    table = Table(
        title=f"{jin:,} jin of {done.pack.variety} {done.pack.grade} = {order.boxes:,} boxes of "
        f"{order.pack_grams:,} g over {len(problem.sellers)} sellers\n"
        f"{jin:,} 斤 {done.pack.variety} {done.pack.grade} 级，每箱 {order.pack_grams:,} 克，共 {order.boxes:,} 箱，"
        f"由 {len(problem.sellers)} 家公平分配",
        title_justify="left",
        caption=f"{order.boxes:,} boxes in all 合计 · {roster.note.en} {roster.note.zh}",
        show_footer=True,
    )
    total = sum(share.packs for share in result.sellers)
    table.add_column("code", "total 合计", no_wrap=True)
    table.add_column("cooperative 合作社", no_wrap=True)
    table.add_column(f"{roster.weight.en} {roster.weight.zh}", justify="right")
    table.add_column(
        "in store 库存(箱)", f"{sum(each.cap_packs or 0 for each in problem.sellers):,}", justify="right"
    )
    table.add_column("share 份额(箱)", f"{total:,}", justify="right", style="bold green")
    table.add_column("jin each, before 此前", justify="right")
    table.add_column("after 之后", justify="right")
    table.add_column("limited by 受限于", no_wrap=True)
    names = {each.code: each.name_zh for each in done.cooperatives}
    for seller, share in zip(problem.sellers, result.sellers, strict=True):
        limit = figures.limit_of(share.limited_by)
        table.add_row(
            seller.id,
            names[seller.id],
            f"{seller.weight:,}",
            f"{seller.cap_packs:,}",
            f"{share.packs:,}",
            text.decimal(share.level_before / figures.JIN),
            text.decimal(share.level_after / figures.JIN),
            f"{limit.en} {limit.zh}",
        )
    return table


def _fairness(problem: allocation.Problem, result: allocation.Allocation) -> Table:
    table = Table(title="Fairness 公平性", title_justify="left", show_header=False)
    for label, figure in figures.rows(problem, result):
        table.add_row(label, figure)
    return table


def _example(
    console: Console,
    roster: Roster,
    done: Outcome,
    problem: allocation.Problem,
    result: allocation.Allocation,
) -> None:
    """One cooperative's share as it can redo it with a pocket calculator."""
    at_line = [share for share in result.sellers if share.limited_by == "nothing"]
    if not at_line or roster.weight.en != "households":
        return
    code = max(at_line, key=lambda share: (share.packs, share.id)).id
    name = next(each for each in done.cooperatives if each.code == code)
    why = allocation.explain(problem, result, code)
    for language, title in (("en", name.name_en), ("zh", name.name_zh)):
        console.print()
        for sentence in text.render(why, "zh" if language == "zh" else "en", name=title):
            console.print(f"  {sentence}", soft_wrap=True, highlight=False)


def _sold(console: Console, done: Outcome) -> None:
    if done.presale is None:
        console.print("\nToo little is left for a presale. 余量不足，未开预售。")
    else:
        _bought(console, done.presale[1])
    if done.rest_grams:
        console.print(
            f"{done.rest_grams:,} g of the asked quantity make no whole box and were not ordered. "
            f"不足一箱的 {done.rest_grams:,} 克未下单。",
            soft_wrap=True,
        )


def _bought(console: Console, order: Order) -> None:
    yuan, fen = divmod(order.total_minor, 100)
    console.print(
        f"\nA shopper held {order.boxes} boxes, paid {yuan}.{fen:02} {order.currency} by transfer; "
        f"the order is [bold]{order.state}[/].\n"
        f"买家保留 {order.boxes} 箱，转账支付 {yuan}.{fen:02} {order.currency}，订单状态 [bold]{order.state}[/]。",
        soft_wrap=True,
    )


def _links(console: Console, done: Outcome, base_url: str) -> None:
    sold: tuple[tuple[str, str], ...] = ()
    if done.presale is not None:
        campaign, order = done.presale
        sold = (
            ("campaign 活动", f"/v1/campaigns/{campaign.id}"),
            ("order 订单", f"/v1/orders/{order.id}"),
        )
    console.print()
    for label, path in (
        ("bulk order 大宗订单", f"/v1/bulk-orders/{done.bulk_order.id}"),
        ("split 分配", f"/v1/allocation-runs/{done.run.id}"),
        ("its picture 分配图", f"/v1/allocation-runs/{done.run.id}/picture.svg"),
        *sold,
        ("API docs 接口说明", "/docs"),
    ):
        console.print(f"  {label}: {base_url}{path}", soft_wrap=True, highlight=False)
    console.print()
