"""What the bench reads out of other programs' words, and what it makes of the numbers."""

from collections import Counter

import pytest

from bench.holds import baselines, profiling, report, seed, server, statement_log
from bench.holds.cases import CASES, workers
from bench.holds.cases.gate import wire
from bench.holds.ground import Part, Shoppers
from bench.holds.load import Failed, Sample, parse
from bench.holds.measure import Bar, Lane, Progress, Row, compared, interleave, strange
from marketplace.identity import tokens

WRK = """Running 5s test @ http://127.0.0.1:18400
  1 threads and 16 connections
  Latency     2.01ms    1.00ms
MEASURED {"requests": 900, "microseconds": 3000000, "p50": 4000, "p99": 10000, "longest": 20000, "issued": 917, \
"statuses": {"201": 890, "409": 10}, "broken": {"connect": 0, "read": 2, "write": 0, "timeout": 0}}
"""

PGBENCH = """pgbench (18.4)
number of clients: 16
number of transactions actually processed: 9000
number of failed transactions: 3 (0.033%)
latency average = 5.250 ms
initial connection time = 80.112 ms
tps = 3000.000000 (without initial connection time)
"""

LOG = """2026-11-25 18:00:00.000 UTC [41] marketplace_app@here LOG:  statement: BEGIN
2026-11-25 18:00:00.001 UTC [41] marketplace_app@here LOG:  execute <unnamed>: SELECT pool.id
\tFROM pool
\tWHERE pool.id = $1
2026-11-25 18:00:00.001 UTC [41] marketplace_app@here DETAIL:  parameters: $1 = '1'
2026-11-25 18:00:00.002 UTC [42] marketplace_app@elsewhere LOG:  statement: SELECT 1
2026-11-25 18:00:00.003 UTC [7] LOG:  checkpoint starting: time
2026-11-25 18:00:00.003 UTC [41] marketplace_app@here LOG:  execute _pg3_1: UPDATE pool SET held = 1
2026-11-25 18:00:00.004 UTC [41] marketplace_app@here LOG:  statement: ;
2026-11-25 18:00:00.005 UTC [41] marketplace_app@here LOG:  statement: COMMIT
"""


def a_sample(per_second=100.0, *, p50_ms=1.0, p99_ms=2.0, **changes):
    return Sample(
        requests=round(per_second * 2), seconds=2.0, p50_ms=p50_ms, p99_ms=p99_ms, longest_ms=9.0, **changes
    )


def a_lane(name, *per_second, expected=()):
    lane = Lane(name, lambda _round: a_sample(), expected)
    lane.samples += [a_sample(each) for each in per_second]
    return lane


def test_what_wrk_printed_is_read():
    sample = parse(WRK)

    assert (sample.per_second, sample.p50_ms, sample.p99_ms, sample.tail) == (300.0, 4.0, 10.0, 2.5)
    assert sample.issued == 917


def test_only_what_is_counted_counts():
    assert parse(WRK, counted="409").per_second == pytest.approx(10 / 3)
    assert parse(WRK, counted="never seen").per_second == 0


def test_answers_that_nobody_expected_and_broken_connections_are_told():
    sample = parse(WRK)

    assert sample.unexpected("201") == {"409": 10, "broken: read": 2}
    assert sample.unexpected("201", "409") == {"broken: read": 2}


@pytest.mark.parametrize("output", ["", "unable to connect to 127.0.0.1:1", "MEASURED nothing"])
def test_a_load_that_measured_nothing_fails(output):
    with pytest.raises(Failed):
        parse(output)


def test_what_pgbench_printed_is_read():
    told = baselines.parse(PGBENCH)

    assert (told.transactions, told.failed, told.latency_ms, told.per_second) == (9_000, 3, 5.25, 3_000.0)
    with pytest.raises(Failed):
        baselines.parse("pgbench (18.4)\nnumber of transactions actually processed: 0\n")


def test_every_form_has_its_script():
    assert {path.stem for path in baselines.HERE.glob("*.sql")} == {*baselines.FORMS, "schema"}


def test_statements_are_counted_from_the_servers_log():
    seen = statement_log.parse(LOG.splitlines(), database="here")

    assert seen == Counter(
        ["BEGIN", "SELECT pool.id FROM pool WHERE pool.id = $1", "UPDATE pool SET held = 1", ";", "COMMIT"]
    )
    assert statement_log.split(seen) == (3, 2)


@pytest.mark.parametrize(
    ("bar", "value", "met", "reached"),
    [
        (Bar(must=0.25, aim=0.5), 0.25, True, False),
        (Bar(must=0.25, aim=0.5), 0.249, False, False),
        (Bar(must=0.25, aim=0.5), 0.5, True, True),
        (Bar(must=4, aim=2.5, at_most=True), 4.0, True, False),
        (Bar(must=4, aim=2.5, at_most=True), 4.1, False, False),
        (Bar(must=4, aim=2.5, at_most=True), 2.5, True, True),
    ],
)
def test_a_bar_is_met_or_missed(bar, value, met, reached):
    assert (bar.met(value), bar.reached(value)) == (met, reached)


@pytest.mark.parametrize(
    ("value", "bar", "verdict"),
    [
        (0.6, Bar(must=0.25, aim=0.5), "met, aim too"),
        (0.3, Bar(must=0.25, aim=0.5), "met"),
        (0.9, Bar(must=0.9), "met"),
        (0.1, Bar(must=0.25), "**missed**"),
        (None, Bar(must=0.25), "not measured"),
        (0.1, None, ""),
    ],
)
def test_a_row_says_so(value, bar, verdict):
    assert Row(what="x", value=value, bar=bar).verdict == verdict


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    """The machine was twice as slow in the second round: that changes nothing."""
    row = compared(a_lane("ours", 30, 15, 90), a_lane("bare", 100, 50, 100), bar=Bar(must=0.3))

    assert (row.value, row.per_second, row.other_per_second, row.verdict) == (0.3, 30, 100, "met")


def test_every_lane_is_measured_in_every_round_and_the_first_round_is_thrown_away(capsys):
    order = []
    lanes = [
        Lane(name, lambda number, name=name: order.append((name, number)) or a_sample()) for name in "ab"
    ]

    interleave(lanes, rounds=2, progress=Progress(6))

    assert order == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert [len(lane.samples) for lane in lanes] == [2, 2]
    assert "100 % b" in capsys.readouterr().err


def test_a_lane_without_one_expected_answer_ends_the_case(capsys):
    lane = Lane("holds", lambda _round: a_sample(statuses={"401": 200}), ("201",))

    with pytest.raises(Failed, match="401"):
        interleave([lane], rounds=1, progress=Progress(1))


def test_what_is_strange_is_told_lane_by_lane():
    good, bad = (Lane(name, lambda _round: a_sample(), ("201",)) for name in ("good", "bad"))
    good.samples.append(a_sample(statuses={"201": 5}))
    bad.samples += [a_sample(statuses={"201": 5, "500": 1}), a_sample(statuses={"500": 2})]

    assert strange([good, bad]) == {"bad": {"500": 3}}


def test_a_shopper_comes_once():
    shoppers = Shoppers(10)
    shoppers.came(9)
    with pytest.raises(Failed, match="--shoppers"):
        shoppers.came(2)

    again = Shoppers(10)
    again.came(12, again=True)
    assert again.next == 2


def test_a_shoppers_token_has_the_form_of_a_real_one():
    """`common.lua`, the seed's SQL and this line make the same."""
    token = f"bench{7:038d}"

    assert len(token) == len(tokens.new_session_token())
    assert not tokens.is_service_key(token)
    assert "lpad(n::text, 38, '0')" in seed.SHOPPERS_SQL


def test_resident_memory_is_read():
    assert server.rss_mib("Name:\tgunicorn\nVmHWM:\t  1 kB\nVmRSS:\t  204800 kB\n") == 200.0


def test_memory_is_judged_only_after_all_requests():
    assert workers._size(90, 120, workers.REQUESTS).verdict == "met"
    assert workers._size(90, 201, workers.REQUESTS).verdict == "**missed**"
    assert workers._size(90, 120, workers.REQUESTS - 1).verdict == "not measured"


def test_a_command_for_redis():
    assert wire("EVALSHA", b"ab", 1, "k") == b"*4\r\n$7\r\nEVALSHA\r\n$2\r\nab\r\n$1\r\n1\r\n$1\r\nk\r\n"


def test_a_profile_names_no_folder_of_the_machine():
    line = "  10  0.1  0.0  0.2  0.0 /somewhere/site-packages/flask/app.py:9(wsgi_app)"

    assert profiling.shortened(line) == "10  0.1  0.0  0.2  0.0 flask/app.py:9(wsgi_app)"


def test_the_page_says_what_was_met_and_what_was_wrong():
    rows = [
        Row(what="holds", value=0.3, against="bare", per_second=1_500, bar=Bar(must=0.25, aim=0.5)),
        Row(what="list", value=0.1, against="bare", bar=Bar(must=0.5)),
        Row(what="gate", value=None, bar=Bar(must=0.5), note="there is none"),
        Row(what="three statements", value=0.4),
    ]
    parts = [
        Part(title="Holds", rows=rows, wrong=["holds: 3 × 500"], notes=["holds: 201: 9"], profile="f 9 s")
    ]
    run = report.Run(
        command="make bench-holds",
        seconds=5,
        rounds=5,
        shoppers=10,
        postgres="18",
        redis="6",
        cores=2,
        load_before=0.25,
    )

    page = report.page(run, parts, day="2026-11-25")

    assert "1 of 3 bars met." in page
    assert "Load average in the minute before: 0.2." in page
    assert "| holds | 1,500 |  |  | bare |  | 0.30 of it | ≥ 0.25 | ≥ 0.5 | met |" in page
    assert "* missed: list, against bare: 0.10 of it (≥ 0.5)" in page
    assert "* not measured: gate (there is none)" in page
    assert "* **Wrong**: holds: 3 × 500" in page
    assert "f 9 s" in page


def test_every_case_is_known_to_the_progress_bar():
    assert {"holds", "sold_out", "confirm", "reads", "statements", "flat", "sweep", "memory", "gate"} < set(
        CASES
    )
    assert all(case.lanes >= 0 for case in CASES.values())
