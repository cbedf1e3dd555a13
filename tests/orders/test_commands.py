"""The split from the command line: files in, files out, no database; and a stored run computed again."""

import json

import pytest

from orders.allocation import allocate, json_form
from tests import builders
from tests.orders.allocation import cases


@pytest.fixture
def run(built_app):
    return lambda *arguments: built_app.test_cli_runner().invoke(args=["allocate", *map(str, arguments)])


@pytest.fixture
def problem_file(tmp_path):
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(json_form.problem_to_json(cases.the_worked_example())))
    return path


@pytest.fixture
def result_file(tmp_path):
    path = tmp_path / "result.json"
    result = allocate(cases.the_worked_example())
    path.write_text(json.dumps(json_form.allocation_to_json(result)))
    return path


def test_a_problem_is_split_explained_reported_and_drawn(run, problem_file, tmp_path):
    out, plot = tmp_path / "out.json", tmp_path / "out.svg"

    answer = run(problem_file, "--out", out, "--explain", "Hongqi", "--report", "--plot", plot)

    assert answer.exit_code == 0, answer.output
    assert json.loads(out.read_text()) == json_form.allocation_to_json(allocate(cases.the_worked_example()))
    assert (
        "(771.06 × 320 − 96,000) / 20 = 7,536.96, rounded to the nearest box: 7,537 boxes." in answer.output
    )
    assert "四舍五入为 7,537 箱" in answer.output
    assert "Jain 0.8639" in answer.output
    assert plot.read_text().startswith("<svg")


def test_without_out_the_result_is_printed(run, problem_file):
    assert json.loads(run(problem_file).output)["unfilled_packs"] == 0


def test_many_problems_give_one_line_each_and_a_bad_one_does_not_stop_the_rest(run, problem_file, tmp_path):
    good = problem_file.read_text()
    many = tmp_path / "many.jsonl"
    many.write_text(f"{good}\n{{}}\nnot json\n{'[' * 5_000}\n{good}\n")

    lines = [json.loads(line) for line in run(many).output.splitlines()]

    assert [line.get("error") for line in lines] == [None, "refused", "malformed", "malformed", None]
    assert lines[1]["faults"][0]["pointer"] == "/sellers"


def test_a_refused_problem_names_every_fault(run, tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"sellers": [{"id": "A", "weight": 0}], "orders": []}')

    answer = run(path)

    assert answer.exit_code == 1
    assert "/sellers/0/history_grams" in answer.output
    assert "/sellers/0/cap_packs" in answer.output


@pytest.mark.parametrize("content", ["", "{", "\udcff", "nope"])
def test_what_is_no_json_is_one_sentence(run, tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    answer = run(path)

    assert answer.exit_code == 1
    assert "is not JSON" in answer.output
    assert "Traceback" not in answer.output


def test_a_right_result_is_proved(run, problem_file, result_file):
    answer = run("verify", problem_file, result_file)

    assert answer.exit_code == 0
    assert "proved" in answer.output


def test_a_forged_result_is_rejected_with_its_violations(run, problem_file, result_file):
    result_file.write_text(result_file.read_text().replace('"packs": 7537', '"packs": 7538'))

    answer = run("verify", problem_file, result_file)

    assert answer.exit_code == 1
    assert "too_many" in answer.output
    assert "not_optimal" in answer.output


def test_a_result_of_another_shape_is_unreadable(run, problem_file, result_file):
    result_file.write_text("[]")

    assert run("verify", problem_file, result_file).exit_code == 1


def test_nobody_of_that_name_is_explained(run, problem_file):
    answer = run(problem_file, "--explain", "Nobody")

    assert answer.exit_code == 1
    assert "nobody in this problem" in answer.output


def test_a_stored_run_is_the_same_when_computed_again(app, run, as_role):
    market = builders.build(app)
    market.lot(40)
    buyer = as_role(builders.Role.BUYER)
    _, made = market.bulk(buyer, 12)

    answer = run("replay", made.id)

    assert answer.exit_code == 0, answer.output
    assert made.digest in answer.output


def test_a_missing_run_is_named(app, run):
    answer = run("replay", "01900000-0000-7000-8000-000000000000")

    assert answer.exit_code == 1
    assert "There is no run" in answer.output


DIVISION = {
    "share": {"id": "run 7", "packs": 120, "pack_grams": 5_000},
    "members": [{"id": "Li", "delivered_grams": 2_000_000}, {"id": "Wang", "delivered_grams": 1_000_000}],
}
RATION = {
    "batch": "spring",
    "boxes": 7,
    "seed": "s",
    "claims": [{"id": "a", "boxes": 5}, {"id": "b", "boxes": 9}],
}


@pytest.fixture
def written(tmp_path):
    def write(document):
        path = tmp_path / "asked.json"
        path.write_text(json.dumps(document))
        return path

    return write


def test_a_share_is_divided_over_growers_and_explained(run, written, tmp_path):
    out = tmp_path / "out.json"

    answer = run("members", written(DIVISION), "--out", out, "--explain", "Li")

    assert answer.exit_code == 0, answer.output
    assert [each["packs"] for each in json.loads(out.read_text())["members"]] == [80, 40]
    assert "(200 × 2,000 − 0) / 5,000 = 80.00, rounded to the nearest box: 80 boxes." in answer.output
    assert "四舍五入为 80 箱" in answer.output
    assert json.loads(run("members", written(DIVISION)).output)["unfilled_packs"] == 0


def test_no_grower_of_that_name_is_explained(run, written):
    answer = run("members", written(DIVISION), "--explain", "Nobody")

    assert answer.exit_code == 1
    assert "no grower in asked.json is called 'Nobody'" in answer.output


def test_a_cut_is_tried_out_under_both_policies(run, written, tmp_path):
    out = tmp_path / "out.json"

    assert run("ration", written(RATION), "--out", out).exit_code == 0
    assert json.loads(out.read_text()) == json.loads(run("ration", written(RATION)).output)
    assert {
        each["policy"]: [award["boxes"] for award in each["awards"]]
        for each in json.loads(out.read_text())["rations"]
    } == {"equal_awards": [4, 3], "proportional": [3, 4]}


@pytest.mark.parametrize(
    ("command", "document", "pointers"),
    [
        (
            "members",
            {**DIVISION, "members": [{"id": "Li"}], "more": 1},
            ["/members/0/delivered_grams", "/more"],
        ),
        ("ration", {**RATION, "boxes": -1, "claims": [{}]}, ["/boxes", "/claims/0/id", "/claims/0/boxes"]),
        ("ration", {**RATION, "seed_hash": "0" * 64}, ["/seed_hash"]),
    ],
)
def test_what_cannot_be_divided_names_every_fault(run, written, command, document, pointers):
    answer = run(command, written(document))

    assert answer.exit_code == 1
    assert all(f"{pointer} " in answer.output for pointer in pointers)
    assert f"is refused: {len(pointers)} faults." in answer.output


@pytest.mark.parametrize("command", ["members", "ration"])
def test_a_division_that_is_no_json_is_one_sentence(run, tmp_path, command):
    path = tmp_path / "bad.json"
    path.write_text("{")

    answer = run(command, path)

    assert answer.exit_code == 1
    assert "is not JSON" in answer.output
