"""Times markets against named baselines in the same run and writes bench/results/market.md.

    make bench-install bench-market

Two processes, one after the other, each interleaves every method with its baselines and takes medians; the
table shows the medians of both together and the ratio, which is what lasts on a shared machine. A baseline
whose package is missing is left out and named. Totals are compared too: a fast wrong answer ends the run.
"""

import cProfile
import json
import platform
import pstats
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from orders.allocation import Link, Order, Policy, Problem, Seller, allocate, ties, verify  # noqa: E402
from orders.allocation.engines import MaxFlow, Network, named  # noqa: E402
from orders.allocation.market import stage as stages  # noqa: E402
from orders.allocation.market.decompose import decompose  # noqa: E402
from orders.allocation.market.links import Links, Totals  # noqa: E402
from orders.allocation.market.sides import Side, divisible, in_whole_packs  # noqa: E402
from orders.allocation.measures import basin_of  # noqa: E402

RESULTS = ROOT / "bench" / "results" / "market.md"
PACK_GRAMS = 5_000


@dataclass(frozen=True, slots=True)
class Size:
    """A market's size; `stretches` of its road ask for more or less, and few or wide ones go short."""

    name: str
    sellers: int
    orders: int
    degree: int
    stretches: int
    rounds: int


SIZES = (
    Size("100 × 500", 100, 500, 13, 3, 21),
    Size("100 × 500, no shortage", 100, 500, 13, 6, 21),
    Size("1,000 × 5,000", 1_000, 5_000, 8, 20, 7),
    Size("10,000 × 20,000", 10_000, 20_000, 10, 200, 3),
)
# Against the solver of linear programmes.
SMALL = SIZES[:2]
SOLVER_SECONDS = 60
SHORT_SECONDS = 0.005
FLOW = "one OR-Tools flow, arrays ready"
PORT_FLOW = "one OR-Tools flow through our port"
PURE_FLOW = "one pure flow"
OFTEN = (FLOW, PORT_FLOW, "OR-Tools, seller totals", "OR-Tools, both sides")


def package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


def a_market(size: Size) -> Problem:
    """Sellers and orders along one round road; an order knows sellers near it, one link in five is capped.

    Orders ask for 75 % of what there is, but by stretches of the road for much more or much less.
    """
    sellers, orders, degree, stretches = size.sellers, size.orders, size.degree, size.stretches
    draw = random.Random(sellers)
    stocks = [draw.randint(40, 320) for _ in range(sellers)]
    thirst = [(0.2, 0.6, 2.4)[stretch % 3] * draw.uniform(0.7, 1.3) for stretch in range(stretches)]
    wanted = [thirst[spot * stretches // orders] * draw.uniform(0.3, 1.7) for spot in range(orders)]
    scale = 0.75 * sum(stocks) / sum(wanted)
    packs = [max(1, round(share * scale)) for share in wanted]
    links = []
    reach = 3 * degree // 4
    for spot in range(orders):
        middle = spot * sellers // orders
        near = [(middle + step) % sellers for step in range(-reach, reach + 1)]
        for seller in sorted(draw.sample(near, degree)):
            cap = draw.randint(1, max(2, packs[spot] // 2)) if draw.random() < 0.2 else None
            links.append(Link(seller=f"s{seller:05}", order=f"o{spot:05}", cap_packs=cap))
    return Problem(
        sellers=tuple(
            Seller(
                id=f"s{spot:05}",
                weight=draw.randint(20, 320),
                history_grams=draw.randint(0, 80) * PACK_GRAMS,
                cap_packs=stock,
                pack_grams=PACK_GRAMS,
            )
            for spot, stock in enumerate(stocks)
        ),
        orders=tuple(Order(id=f"o{spot:05}", packs=count) for spot, count in enumerate(packs)),
        links=tuple(links),
        policy=Policy(tie_seed="bench"),
    )


def a_stage(problem: Problem) -> stages.Stage:
    """The market as the engine sees it; ids rise as the members are listed."""
    lottery = ties.Lottery(problem)
    sellers = Side(
        basin=basin_of(problem)[1],
        lows=[0] * len(problem.sellers),
        tiers=[0] * len(problem.sellers),
        rank=lambda index: lottery.rank_of(problem.sellers[index]),
    )
    rows = sorted((int(it.seller[1:]), int(it.order[1:]), it.cap_packs) for it in problem.links or ())
    links = Links(
        members=[row[0] for row in rows], others=[row[1] for row in rows], caps=[row[2] for row in rows]
    )
    orders = stages.order_side(problem, problem.orders, lottery)
    return stages.Stage(sellers=sellers, orders=orders, links=links, strict=False)


def seller_totals(stage: stages.Stage, max_flow: MaxFlow) -> Totals:
    return decompose(stage.sellers, stage.demands, stage.seller_links, in_whole_packs, max_flow)


def both_sides(stage: stages.Stage, max_flow: MaxFlow) -> Totals:
    """Both sides' totals; what the orders' links carry in the end is the shipment."""
    sold = seller_totals(stage, max_flow)
    return decompose(
        stage.orders, sold.amounts, stage.order_links, in_whole_packs, max_flow, sold.link_amounts
    )


def plain_network(stage: stages.Stage) -> Network:
    """Everything the market can ship, and nothing about who."""
    links, stocks, demands = stage.seller_links, stage.sellers.basin.caps, stage.demands
    first_order = 2 + len(stocks)
    nodes = first_order + len(demands)
    return Network(
        nodes,
        [*[0] * len(stocks), *range(first_order, nodes), *[2 + member for member in links.members]],
        [*range(2, first_order), *[1] * len(demands), *[first_order + other for other in links.others]],
        [*stocks, *demands, *[sum(stocks) if cap is None else cap for cap in links.caps]],
    )


def bare_flow(network: Network) -> Callable[[], int] | None:
    """OR-Tools alone: arrays are made before, value, flows and cut are read after."""
    numpy, flows = package("numpy"), package("ortools.graph.python.max_flow")
    if numpy is None or flows is None:
        return None
    columns = [numpy.array(column) for column in (network.tails, network.heads, network.capacities)]

    def solve() -> int:
        solver = flows.SimpleMaxFlow()
        arcs = solver.add_arcs_with_capacity(*columns)
        solver.solve(0, 1)
        solver.flows(arcs)
        solver.get_source_side_min_cut()
        return int(solver.optimal_flow())

    return solve


def unit_pack_flow(stage: stages.Stage) -> Callable[[], list[int]] | None:
    """OR-Tools min-cost flow with one arc a pack that costs the rank of its key. Arrays are made before."""
    numpy, flows = package("numpy"), package("ortools.graph.python.min_cost_flow")
    if numpy is None or flows is None:
        return None
    side, network = stage.sellers, plain_network(stage)
    stocks = side.basin.caps
    count = len(stocks)
    ranks = [side.rank(seller) for seller in range(count)]
    queue = sorted(
        (side.place(seller, number), ranks[seller], seller)
        for seller, stock in enumerate(stocks)
        for number in range(1, stock + 1)
    )
    ends = numpy.array([2 + seller for _, _, seller in queue])
    costs = numpy.arange(len(queue))
    tails, heads, capacities = (
        numpy.array(column[count:]) for column in (network.tails, network.heads, network.capacities)
    )
    supply = sum(stocks)

    def solve() -> list[int]:
        solver = flows.SimpleMinCostFlow()
        packs = solver.add_arcs_with_capacity_and_unit_cost(
            numpy.zeros_like(ends), ends, numpy.ones_like(ends), costs
        )
        solver.add_arcs_with_capacity_and_unit_cost(tails, heads, capacities, numpy.zeros_like(tails))
        solver.set_nodes_supplies(numpy.array([0, 1]), numpy.array([supply, -supply]))
        if solver.solve_max_flow_with_min_cost() != solver.OPTIMAL:
            raise ArithmeticError("no flow")
        sold: list[int] = numpy.bincount(ends - 2, weights=solver.flows(packs), minlength=count).tolist()
        return [int(amount) for amount in sold]

    return solve


def leximin_by_lps(problem: Problem, shipped: int) -> dict[str, Any] | None:
    """HiGHS, one thread, warm-started: raise the lowest level, fix whom the duals name, again; then the orders.

    Answers seconds, programmes solved, members fixed, and the packs sold.
    """
    highspy = package("highspy")
    if highspy is None:
        return None
    started, until = time.process_time(), time.perf_counter() + SOLVER_SECONDS
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    sold = {seller.id: solver.addVariable(0, seller.cap_packs) for seller in problem.sellers}
    got = {order.id: solver.addVariable(0, order.packs or 0) for order in problem.orders}
    out: dict[str, list[Any]] = {seller.id: [] for seller in problem.sellers}
    into: dict[str, list[Any]] = {order.id: [] for order in problem.orders}
    for link in problem.links or ():
        cap = highspy.kHighsInf if link.cap_packs is None else link.cap_packs
        carried = solver.addVariable(0, cap)
        out[link.seller].append(carried)
        into[link.order].append(carried)
    for totals, arcs in ((sold, out), (got, into)):
        for name, total in totals.items():
            solver.addConstr(solver.qsum(arcs[name]) - total == 0)
    solver.addConstr(solver.qsum(list(sold.values())) == shipped)
    sellers = [(sold[it.id], it.weight, it.history_grams / PACK_GRAMS) for it in problem.sellers]
    orders = [(got[it.id], it.packs or 1, 0.0) for it in problem.orders]
    programmes, fixed = 0, 0
    for members in (sellers, orders):
        for solved in raised(solver, highspy, members, until):
            programmes += 1
            fixed += solved
    seconds = time.process_time() - started
    values = solver.getSolution().col_value
    packs = [values[column.index] for column in sold.values()]
    return {"seconds": seconds, "programmes": programmes, "fixed": fixed, "packs": packs}


def raised(solver: Any, highspy: Any, members: list[tuple[Any, int, float]], until: float) -> Iterator[int]:
    """Fixes the members' totals from the lowest level up; yields how many each programme fixed."""
    level = solver.addVariable(0, highspy.kHighsInf)
    is_open = {
        solver.addConstr(total - weight * level >= -start).index: total.index
        for total, weight, start in members
    }
    while is_open and time.perf_counter() < until:
        solver.maximize(level)
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise ArithmeticError("no optimum")
        solution = solver.getSolution()
        bound = [row for row in is_open if abs(solution.row_dual[row]) > 1e-9]
        if not bound:
            raise ArithmeticError("nobody holds the level down")
        for row in bound:
            total = is_open.pop(row)
            value = solution.col_value[total]
            # A hair of slack, or rounding makes the next programme infeasible.
            solver.changeColBounds(total, max(0.0, value - 1e-7), value + 1e-7)
            solver.changeRowBounds(row, -highspy.kHighsInf, highspy.kHighsInf)
        yield len(bound)
    solver.changeColBounds(level.index, 0.0, 0.0)
    for row in is_open:
        solver.changeRowBounds(row, -highspy.kHighsInf, highspy.kHighsInf)


def timed(call: Callable[[], Any], times: int = 1) -> float:
    """Seconds of processor time for a call: what else runs on the machine counts little in it."""
    started = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - started) / times


def how_often(call: Callable[[], Any]) -> int:
    """A short call is repeated until it takes some milliseconds, or the caches of the others count as its own."""
    return max(1, round(SHORT_SECONDS / max(timed(call), 1e-6)))


def interleaved(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Every call in every round, those of OR-Tools between all the others, as they are short."""
    times = {name: how_often(call) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    short = [name for name in calls if name in OFTEN]
    for _ in range(rounds):
        for name in calls:
            for each in (name,) if name in OFTEN else (name, *short):
                seconds[each].append(timed(calls[each], times[each]))
    return seconds


def one_size(size: Size) -> dict[str, Any]:
    problem = a_market(size)
    stage = a_stage(problem)
    network = plain_network(stage)
    pure = named("pure")
    allocation = allocate(problem)
    totals = [share.packs for share in allocation.sellers]
    if verify(problem, allocation):
        raise AssertionError("verify finds fault with the answer")
    calls: dict[str, Callable[[], Any]] = {
        PURE_FLOW: lambda: pure(network),
        "pure, seller totals": lambda: seller_totals(stage, pure),
        "pure, both sides": lambda: both_sides(stage, pure),
        "pure, answer": lambda: allocate(problem),
        "verify": lambda: verify(problem, allocation),
    }
    flow, by_packs = bare_flow(network), unit_pack_flow(stage)
    if flow is not None and by_packs is not None:
        fast = named("ortools")
        if by_packs() != totals or seller_totals(stage, fast).amounts != totals:
            raise AssertionError("the engines or the min-cost flow give other totals")
        calls |= {
            FLOW: flow,
            PORT_FLOW: lambda: fast(network),
            "OR-Tools, seller totals": lambda: seller_totals(stage, fast),
            "OR-Tools, both sides": lambda: both_sides(stage, fast),
            "OR-Tools, answer": lambda: allocate(problem, "ortools"),
            "min-cost flow": by_packs,
        }
    return {
        "seconds": interleaved(calls, size.rounds),
        "shape": f"{len(problem.links or ()):,} links, {sum(totals):,} packs shipped of "
        f"{sum(stage.demands):,} asked for, {len(allocation.segments)} segments",
        "profile": profile(lambda: both_sides(stage, named("ortools" if flow else "pure"))),
    }


def profile(call: Callable[[], Any]) -> list[str]:
    """The functions that take most of the time themselves, in per cent."""
    profiler = cProfile.Profile()
    profiler.runcall(call)
    stats: dict[Any, Any] = vars(pstats.Stats(profiler))["stats"]
    total = sum(entry[2] for entry in stats.values())
    top = sorted(stats.items(), key=lambda item: item[1][2], reverse=True)[:8]
    return [f"{entry[2] / total:.0%} {Path(place[0]).name} {place[2]}" for place, entry in top]


def lps(size: Size) -> dict[str, Any] | None:
    problem = a_market(size)
    stage = a_stage(problem)
    exact = decompose(stage.sellers, stage.demands, stage.seller_links, divisible, named("pure"))
    shares = [amount / scale for amount, scale in zip(exact.amounts, exact.scales, strict=True)]
    answer = leximin_by_lps(problem, round(sum(shares)))
    if answer is None:
        return None
    off = max(abs(mine - its) for mine, its in zip(shares, answer.pop("packs"), strict=True))
    return {**answer, "off": off}


def measure(*, with_solvers: bool) -> dict[str, Any]:
    """What one process measures; the slow solver runs in the first one only."""
    answer: dict[str, Any] = {size.name: one_size(size) for size in SIZES}
    if with_solvers:
        answer["lps"] = {size.name: lps(size) for size in SMALL}
    return answer


def main() -> None:
    if "--measure" in sys.argv:
        print(json.dumps(measure(with_solvers="--solvers" in sys.argv)))
        return
    runs = []
    for extra in (["--solvers"], []):
        command = [sys.executable, __file__, "--measure", *extra]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        # Solvers may print a banner of their own before it.
        runs.append(json.loads(printed.splitlines()[-1]))
    text = "\n".join(written(runs))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


def versions() -> list[str]:
    found = []
    for name in ("numpy", "ortools", "highspy"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return found


def written(runs: list[dict[str, Any]]) -> Iterator[str]:
    yield "# Markets: measured"
    yield ""
    yield (
        f"`make bench-market`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        f"{', '.join(versions())}."
    )
    yield ""
    yield (
        "Medians of processor time over two processes; runs are interleaved, so trust the ratios, not the "
        "milliseconds. Links and packs stand in arrays before a round begins, for OR-Tools alone and for us. "
        "Every method gave the same seller totals, and `verify` found no fault."
    )
    yield ""
    sizes = [name for name in runs[0] if name != "lps"]
    yield from (f"* {size}: {runs[0][size]['shape']}." for size in sizes)
    yield ""
    yield "| market | ours | ms | against | ms | ratio | bar | met |"
    yield "|---|---|---|---|---|---|---|---|"
    for size in sizes:
        yield from rows(size, runs)
    for size in SMALL:
        yield from row_of_lps(size.name, runs)
    yield ""
    yield "Where both sides and shipment spend their time, own time per function, under the profiler:"
    yield ""
    yield from (f"* {size}: {'; '.join(runs[0][size]['profile'])}." for size in sizes)


def rows(size: str, runs: list[dict[str, Any]]) -> Iterator[str]:
    times = {
        name: statistics.median(seconds for run in runs for seconds in run[size]["seconds"][name])
        for name in runs[0][size]["seconds"]
    }
    for engine, flows in (("OR-Tools", (FLOW, PORT_FLOW)), ("pure", (PURE_FLOW,))):
        for flow in flows:
            yield from at_most(size, times, f"{engine}, seller totals", flow, 20)
            yield from at_most(size, times, f"{engine}, both sides", flow, 30)
        yield from at_most(size, times, f"{engine}, answer", flows[0], None)
    if "min-cost flow" in times:
        yield from faster(size, times, "OR-Tools, seller totals", "min-cost flow", 3)
    bar = 12 if size.startswith("1,000 ") else None
    yield from at_most(size, times, "pure, both sides", "OR-Tools, both sides", bar)
    yield from at_most(size, times, "verify", "pure, answer", None)


def at_most(size: str, times: dict[str, float], ours: str, other: str, bar: int | None) -> Iterator[str]:
    """A row that says how many of the other ours costs."""
    if other in times and ours in times:
        ratio = times[ours] / times[other]
        met = "" if bar is None else "yes" if ratio <= bar else "no"
        shown = "" if bar is None else f"≤ {bar}"
        yield line(size, ours, times[ours], other, times[other], f"{ratio:.1f} of it", shown, met)


def faster(size: str, times: dict[str, float], ours: str, other: str, bar: int) -> Iterator[str]:
    ratio = times[other] / times[ours]
    met = "yes" if ratio >= bar else "no"
    shown = f"{ratio:,.1f} × faster"
    yield line(size, ours, times[ours], other, times[other], shown, f"≥ {bar:,}", met)


def row_of_lps(size: str, runs: list[dict[str, Any]]) -> Iterator[str]:
    found = runs[0]["lps"][size]
    if found is None:
        return
    engine = "OR-Tools" if "OR-Tools, both sides" in runs[0][size]["seconds"] else "pure"
    ours = f"{engine}, both sides"
    other = (
        f"leximin by HiGHS, {found['programmes']} programmes, {found['fixed']} of 600 members fixed, "
        f"{found['off']:.1g} packs at most from our exact shares"
    )
    seconds = statistics.median(it for run in runs for it in run[size]["seconds"][ours])
    yield from faster(size, {ours: seconds, other: found["seconds"]}, ours, other, 1_000)


def line(*cells: Any) -> str:
    return "| " + " | ".join(f"{it * 1e3:,.2f}" if isinstance(it, float) else it for it in cells) + " |"


if __name__ == "__main__":
    main()
