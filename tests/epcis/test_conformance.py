"""The comparison with GS1's schema: a part of it where the schema is there, and the command itself everywhere."""

import pytest

from inventory.epcis import vocabulary as words
from tests.epcis import __main__ as command
from tests.epcis import gs1
from tests.epcis.conformance import rows

FOLDER = gs1.folder()
SCHEMA = gs1.schema_in(FOLDER)
with_gs1 = pytest.mark.skipif(
    SCHEMA is None, reason=f"GS1's schema of EPCIS is not at {FOLDER}; name its folder by {gs1.VARIABLE}"
)
PART = ("ObjectEvent, the least", "AssociationEvent, the least", "least answer", "TransformationEvent")
TAKES_ALL = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'


@with_gs1
def test_ours_and_theirs_take_and_refuse_the_same():
    found = list(rows(gs1.validator_of(SCHEMA).is_valid, gs1.examples_in(FOLDER), bases=PART))

    assert [row.differences for row in found] == [[] for _ in found]
    assert sum(row.documents for row in found) > 5_000
    assert all(row.documents for row in found)


@with_gs1
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("bizStep", words.BIZ_STEPS),
        ("disposition", words.DISPOSITIONS),
        ("bizTransaction-type", words.BIZ_TRANSACTION_TYPES),
        ("source-dest-type", words.SOURCE_DESTINATION_TYPES),
        ("error-reason", words.ERROR_REASONS),
        ("component", words.COMPONENTS),
        ("sensorAlertType", words.SENSOR_ALERTS),
        ("measurementType", words.MEASUREMENTS),
    ],
)
def test_the_words_are_the_same(name, ours):
    assert set(SCHEMA["definitions"][name]["anyOf"][1]["enum"]) == ours.names


def test_the_command_says_when_there_is_nothing_to_compare_with(tmp_path, capsys):
    assert command.main(["--folder", str(tmp_path)]) == 2

    told = capsys.readouterr()
    assert "nothing was compared" in told.err and str(tmp_path) in told.err
    assert not told.out


def test_the_variable_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv(gs1.VARIABLE, str(tmp_path))
    assert gs1.folder() == tmp_path

    monkeypatch.setenv(gs1.VARIABLE, "")
    assert gs1.folder() == gs1.USUAL


def test_the_command_names_each_difference(tmp_path, capsys, monkeypatch):
    """Against a schema that takes every object, all that we refuse is a difference."""
    (tmp_path / gs1.NAME).write_text(TAKES_ALL)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "wrong.json").write_text('{"type": "EPCISDocument"}')
    monkeypatch.setattr(command, "rows", lambda *given: rows(*given, bases=("least answer",)))

    assert command.main(["--folder", str(tmp_path)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert "    wrong.json: refused here, not there" in lines
    table = [line for line in lines if not line.startswith("    ")]
    assert len({len(line) for line in table}) == 1, "the table lines up"
    assert table[-1].startswith("all ")


def test_the_command_is_content_when_nothing_differs(tmp_path, capsys, monkeypatch):
    (tmp_path / gs1.NAME).write_text(TAKES_ALL)
    monkeypatch.setattr(command, "rows", lambda *given: rows(*given, bases=()))

    assert command.main(["--folder", str(tmp_path / gs1.NAME)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == "0"
