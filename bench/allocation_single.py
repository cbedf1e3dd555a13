"""Times one order against named baselines in the same run and writes bench/results/allocation.md.

    make bench-install bench-allocation

Two processes, one after the other, each interleaves every method with its baselines and takes medians; the
table shows the medians of both together and the ratio, which is what lasts on a shared machine. A baseline
whose package is missing is left out and named.
"""

import heapq
import json
import platform
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from orders.allocation import minimum_lots, single  # noqa: E402
from orders.allocation.engines import columns  # noqa: E402

RESULTS = ROOT / "bench" / "results" / "allocation.md"
PACKS_EACH = 21
PACK_GRAMS = 5_000
SOLVER_SECONDS = 20
SHORT_SECONDS = 0.005
STABLE_SORT = "numpy sort, stable (the sort that the bar names)"
VECTOR_SORT = "numpy sort, vector units of this processor"


def package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


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
    times = {name: how_often(call) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(timed(call, times[name]))
    return seconds


def a_basin(sellers: int) -> tuple[single.Basin, int]:
    draw = random.Random(sellers)
    basin = single.Basin(
        weights=[draw.randint(20, 320) for _ in range(sellers)],
        histories=[2 * draw.randint(0, 2 * PACKS_EACH * PACK_GRAMS) for _ in range(sellers)],
        caps=[draw.randint(PACKS_EACH // 2, PACKS_EACH * 4) for _ in range(sellers)],
        pack=2 * PACK_GRAMS,
        offset=-PACK_GRAMS,
        seconds=[0] * sellers,
    )
    return basin, PACKS_EACH * sellers


def heap_with_floats(basin: single.Basin, demand: int) -> list[int]:
    """Pack by pack with float keys: the fastest heap, and wrong where keys are equal but for rounding."""
    weights, histories, caps = basin.weights, basin.histories, basin.caps
    start = basin.offset + basin.pack
    queue = [((h + start) / w, i) for i, (w, h) in enumerate(zip(weights, histories, strict=True)) if caps[i]]
    heapq.heapify(queue)
    packs = [0] * len(caps)
    for _ in range(demand):
        i = queue[0][1]
        packs[i] += 1
        if packs[i] < caps[i]:
            heapq.heapreplace(queue, ((histories[i] + start + packs[i] * basin.pack) / weights[i], i))
        else:
            heapq.heappop(queue)
    return packs


def heap_with_fractions(basin: single.Basin, demand: int) -> list[int]:
    """Pack by pack with exact keys."""
    weights, histories, caps = basin.weights, basin.histories, basin.caps
    start = basin.offset + basin.pack
    queue = [(Fraction(histories[i] + start, weights[i]), i) for i in range(len(caps)) if caps[i]]
    heapq.heapify(queue)
    packs = [0] * len(caps)
    for _ in range(demand):
        i = queue[0][1]
        packs[i] += 1
        if packs[i] < caps[i]:
            key = Fraction(histories[i] + start + packs[i] * basin.pack, weights[i])
            heapq.heapreplace(queue, (key, i))
        else:
            heapq.heappop(queue)
    return packs


def unit_pack_flow(basin: single.Basin, demand: int) -> Callable[[], Any] | None:
    """OR-Tools min-cost flow with one arc a pack; costs are rounded keys. Building the arrays is not timed."""
    numpy, flows = package("numpy"), package("ortools.graph.python.min_cost_flow")
    if numpy is None or flows is None:
        return None
    caps = numpy.array(basin.caps)
    sellers = numpy.repeat(numpy.arange(len(caps)), caps)
    numbers = numpy.arange(len(sellers)) - numpy.repeat(numpy.cumsum(caps) - caps, caps) + 1
    tops = numpy.array(basin.histories)[sellers] + basin.offset + numbers * basin.pack
    costs = tops * 1_000 // numpy.array(basin.weights)[sellers]
    source, sink = len(caps), len(caps) + 1

    def solve() -> None:
        flow = flows.SimpleMinCostFlow()
        ones = numpy.ones_like(sellers)
        flow.add_arcs_with_capacity_and_unit_cost(numpy.full_like(sellers, source), sellers, ones, costs)
        ends = numpy.arange(len(caps))
        flow.add_arcs_with_capacity_and_unit_cost(
            ends, numpy.full_like(ends, sink), caps, numpy.zeros_like(ends)
        )
        flow.set_nodes_supplies(numpy.array([source, sink]), numpy.array([demand, -demand]))
        if flow.solve() != flow.OPTIMAL:
            raise ArithmeticError("no flow")

    return solve


def one_order(sellers: int, rounds: int) -> dict[str, list[float]]:
    basin, demand = a_basin(sellers)
    calls: dict[str, Callable[[], Any]] = {"pure": lambda: single.fill(basin, demand, _rank)}
    calls["heap, float keys"] = lambda: heap_with_floats(basin, demand)
    calls["heap, exact keys"] = lambda: heap_with_fractions(basin, demand)
    flow = unit_pack_flow(basin, demand)
    if flow is not None:
        calls["OR-Tools min-cost flow"] = flow
    numpy = columns.numpy_or_none()
    if numpy is not None and sellers >= 500:
        arrays = as_arrays(numpy, basin)
        calls = {"columns": lambda: columns.fill(arrays, demand, _rank), **calls}
    if single.fill(basin, demand, _rank).packs != heap_with_fractions(basin, demand):
        raise AssertionError("the heap gives other packs")
    return interleaved(calls, rounds)


def a_million(rounds: int) -> dict[str, list[float]]:
    numpy = columns.numpy_or_none()
    if numpy is None:
        return {}
    sellers = 1_000_000
    draw = numpy.random.default_rng(1)
    weights = draw.integers(20, 321, sellers)
    basin = single.Basin(
        weights=weights,
        histories=2 * draw.integers(0, 2 * PACKS_EACH * PACK_GRAMS, sellers),
        caps=draw.integers(PACKS_EACH // 2, PACKS_EACH * 4, sellers),
        pack=2 * PACK_GRAMS,
        offset=-PACK_GRAMS,
        seconds=numpy.zeros(sellers, dtype=numpy.int64),
    )
    floats = draw.random(2 * sellers)
    seconds = {
        "columns": [0.0],
        "memory": [],
    }
    columns.fill(basin, PACKS_EACH * sellers, _rank)
    seconds["memory"] = [float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)]
    listed = floats.tolist()
    calls: dict[str, Callable[[], Any]] = {
        "columns": lambda: columns.fill(basin, PACKS_EACH * sellers, _rank),
        "sorted(), Python": lambda: sorted(listed),
        STABLE_SORT: lambda: numpy.sort(floats, kind="stable"),
        "numpy argsort": lambda: numpy.argsort(floats),
        VECTOR_SORT: lambda: numpy.sort(floats),
    }
    return {**seconds, **interleaved(calls, rounds)}


def as_arrays(numpy: Any, basin: single.Basin) -> single.Basin:
    return single.Basin(
        weights=numpy.array(basin.weights),
        histories=numpy.array(basin.histories),
        caps=numpy.array(basin.caps),
        pack=basin.pack,
        offset=basin.offset,
        seconds=numpy.array(basin.seconds),
    )


def some_lots(sellers: int, packs: int, seats: int | None) -> minimum_lots.Lots:
    draw = random.Random(sellers * 1_000 + (seats or 0))
    average = packs // sellers
    return minimum_lots.Lots(
        weights=[draw.randint(20, 320) for _ in range(sellers)],
        histories=[draw.randint(0, average * 2) * PACK_GRAMS for _ in range(sellers)],
        packs=[PACK_GRAMS] * sellers,
        caps=[draw.randint(average * 2, average * 6) for _ in range(sellers)],
        minimums=[draw.randint(2, average * 2) if draw.random() < 0.5 else 0 for _ in range(sellers)],
        volume=packs * PACK_GRAMS,
        seats=seats,
    )


def cost_of(lots: minimum_lots.Lots, packs: list[int]) -> float:
    rows = zip(packs, lots.packs, lots.histories, lots.weights, strict=True)
    return float(sum(Fraction((h + n * p) ** 2, w) for n, p, h, w in rows))


def with_cp_sat(lots: minimum_lots.Lots) -> Callable[[], tuple[bool, list[int]]] | None:
    """The model of the problem itself: counts, whether each takes part, and their squares; one worker."""
    cp_model = package("ortools.sat.python.cp_model")
    if cp_model is None:
        return None

    def solve() -> tuple[bool, list[int]]:
        model = cp_model.CpModel()
        counts, parts, costs = [], [], []
        for w, h, cap, low in zip(lots.weights, lots.histories, lots.caps, lots.minimums, strict=True):
            count, part = model.new_int_var(0, cap, ""), model.new_bool_var("")
            model.add(count <= cap * part)
            model.add(count >= max(1, low) * part)
            square = model.new_int_var(0, cap * cap, "")
            model.add_multiplication_equality(square, [count, count])
            # Squares in packs, scaled: whole coefficients as the solver wants them.
            costs.append(2 * (h // PACK_GRAMS) * (10**5 // w) * count + (10**5 // w) * square)
            counts.append(count)
            parts.append(part)
        model.add(sum(counts) == lots.volume // PACK_GRAMS)
        if lots.seats is not None:
            model.add(sum(parts) <= lots.seats)
        model.minimize(sum(costs))
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = SOLVER_SECONDS
        solver.parameters.num_workers = 1
        status = solver.solve(model)
        found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        return status == cp_model.OPTIMAL, [solver.value(it) for it in counts] if found else []

    return solve


def with_highs(lots: minimum_lots.Lots) -> Callable[[], tuple[bool, list[int]]] | None:
    """A MIP: a cost per pack in key order (a convex cost needs no order of its own), a switch per seller."""
    highspy, numpy = package("highspy"), package("numpy")
    if highspy is None or numpy is None:
        return None

    def solve() -> tuple[bool, list[int]]:
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("time_limit", float(SOLVER_SECONDS))
        parts, packs = [], []
        for w, h, cap in zip(lots.weights, lots.histories, lots.caps, strict=True):
            parts.append(solver.addVariable(0, 1, 0.0, type=highspy.HighsVarType.kInteger))
            sold = h / PACK_GRAMS
            packs.append([solver.addVariable(0, 1, (2 * sold + 2 * k + 1) / w) for k in range(cap)])
        for part, own, low, cap in zip(parts, packs, lots.minimums, lots.caps, strict=True):
            total = solver.qsum(own)
            solver.addConstr(total - max(1, low) * part >= 0)
            solver.addConstr(total - cap * part <= 0)
        solver.addConstr(solver.qsum([it for own in packs for it in own]) == lots.volume // PACK_GRAMS)
        if lots.seats is not None:
            solver.addConstr(solver.qsum(parts) <= lots.seats)
        solver.run()
        is_best = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        values = solver.getSolution().col_value
        counts, at = [], 0
        for own in packs:
            counts.append(round(sum(values[at + 1 : at + 1 + len(own)])) if values else 0)
            at += 1 + len(own)
        return is_best, counts

    return solve


def lots(sellers: int, packs: int, seats: int | None, *, rounds: int) -> dict[str, Any]:
    problem = some_lots(sellers, packs, seats)
    ours = interleaved({"pure": lambda: minimum_lots.fill(problem)}, rounds)["pure"]
    filling = minimum_lots.fill(problem)
    best = cost_of(problem, filling.packs)
    answer: dict[str, Any] = {"pure": ours, "method": filling.method, "others": {}}
    for name, make in (("CP-SAT, 1 worker", with_cp_sat), ("HiGHS MIP", with_highs)):
        solve = make(problem)
        if solve is not None:
            started = time.process_time()
            is_proved, found = solve()
            seconds = time.process_time() - started
            worse = cost_of(problem, found) / best - 1 if sum(found) == packs else None
            answer["others"][name] = (seconds, is_proved, worse)
    return answer


def _rank(index: int) -> int:
    return index


def measure(*, with_solvers: bool) -> dict[str, Any]:
    """What one process measures; the slow solvers run in the first one only."""
    answer: dict[str, Any] = {
        "100": one_order(100, 31),
        "10000": one_order(10_000, 3),
        "1000000": a_million(5),
    }
    sizes = [(100, 2_000, None), (200, 4_000, None), (200, 4_000, 60)]
    if with_solvers:
        answer["lots"] = {f"{n}/{p}/{k}": lots(n, p, k, rounds=5) for n, p, k in sizes}
        answer["large"] = interleaved({"pure": lambda: minimum_lots.fill(some_lots(500, 21_000, None))}, 3)[
            "pure"
        ]
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


def median(runs: list[dict[str, Any]], size: str, name: str) -> float | None:
    values = [seconds for run in runs for seconds in run[size].get(name, [])]
    return statistics.median(values) if values else None


def versions() -> list[str]:
    found = []
    for name in ("numpy", "ortools", "highspy"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return found


def rows_of_lots(answers: dict[str, Any]) -> list[str]:
    lines = []
    for size, answer in answers.items():
        sellers, packs, seats = size.split("/")
        title = f"minimum lots, {sellers} sellers, {packs} packs" + (
            "" if seats == "None" else f", at most {seats} sellers"
        )
        mine = statistics.median(answer["pure"])
        for name, (seconds, is_proved, worse) in answer["others"].items():
            note = "proved" if is_proved else f"stopped at {SOLVER_SECONDS} s, unproved"
            if worse is None:
                note += ", no full split"
            elif worse > 1e-9:
                note += f", {worse:.2%} worse"
            bar = 100.0 if sellers == "200" and seats == "None" else None
            lines.append(row(title, answer["method"], mine, f"{name} ({note})", seconds, bar))
    return lines


def written(runs: list[dict[str, Any]]) -> list[str]:
    lines = [
        "# One order: measured",
        "",
        f"`make bench-allocation`, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        f"{', '.join(versions())}.",
        "",
        "Medians of processor time over two processes; runs are interleaved, so trust the ratios, not the "
        "milliseconds. Ratio: the other method's time divided by ours.",
        "",
        "| case | ours | ms | against | ms | ratio | bar | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    cases = [
        ("100 sellers", "100", "pure", "heap, float keys", 4.0),
        ("100 sellers", "100", "pure", "heap, exact keys", 4.0),
        ("100 sellers", "100", "pure", "OR-Tools min-cost flow", None),
        ("10,000 sellers", "10000", "columns", "heap, float keys", 80.0),
        ("10,000 sellers", "10000", "columns", "heap, exact keys", 80.0),
        ("10,000 sellers", "10000", "columns", "OR-Tools min-cost flow", 80.0),
        ("10,000 sellers", "10000", "columns", "pure", None),
        ("1,000,000 sellers", "1000000", "columns", STABLE_SORT, 0.5),
        ("1,000,000 sellers", "1000000", "columns", "sorted(), Python", 0.5),
        ("1,000,000 sellers", "1000000", "columns", "numpy argsort", None),
        ("1,000,000 sellers", "1000000", "columns", VECTOR_SORT, None),
    ]
    for title, size, ours, other, bar in cases:
        mine, theirs = median(runs, size, ours), median(runs, size, other)
        if mine and theirs:
            lines.append(row(title, ours, mine, other, theirs, bar))
    lines += rows_of_lots(runs[0]["lots"])
    memory = [kilobytes for run in runs for kilobytes in run["1000000"].get("memory", [])]
    plain_sort = median(runs, "1000000", STABLE_SORT)
    large = statistics.median(runs[0]["large"])
    lines += ["", f"500 sellers, 21,000 packs with minimum lots, exact: {large * 1e3:.0f} ms."]
    if plain_sort:
        lines[-1] += f" That is {large / plain_sort:.1f} stable sorts of two million floats (bar: 15)."
    vector_sort, mine = median(runs, "1000000", VECTOR_SORT), median(runs, "1000000", "columns")
    if plain_sort and vector_sort and mine:
        lines += [
            "",
            "1,000,000 sellers may take twice the time of sorting two million floats. The bar means a plain sort, the "
            "117 ms that it was set against; where numpy sorts plain floats in the processor's vector units, "
            f"two million take {vector_sort * 1e3:.0f} ms, and the split {mine / vector_sort:.1f} times that: reading "
            "four columns, dividing and writing the packs down takes more than that sort alone.",
        ]
    if memory:
        lines += ["", f"Memory at 1,000,000 sellers: {max(memory) / 1024:.0f} MiB at most (bar: 1,024 MiB)."]
    return lines


def row(title: str, ours: str, mine: float, other: str, theirs: float, bar: float | None) -> str:
    ratio = theirs / mine
    met = "" if bar is None else "yes" if ratio >= bar else "no"
    shown = "" if bar is None else f"≥ {bar:g}"
    return f"| {title} | {ours} | {mine * 1e3:.2f} | {other} | {theirs * 1e3:.2f} | {ratio:.2f} | {shown} | {met} |"


if __name__ == "__main__":
    main()
