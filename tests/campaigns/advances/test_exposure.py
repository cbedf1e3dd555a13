"""The exposure of each cooperative: through the door, in a table that lines up, and as CSV."""

import uuid
from typing import Any

import pytest
from click.testing import Result
from rich.cells import cell_len
from sqlalchemy.orm import Session

from campaigns.advances import exposing
from campaigns.advances.commands import advances_group
from campaigns.advances.schemas import CooperativeExposure
from marketplace import context, database
from marketplace.catalogue.models import Cooperative
from marketplace.ledger import ledger
from marketplace.ledger.chart import OwnerKind
from marketplace.ledger.rules import Account, Owner
from tests.builders import assert_refused
from tests.campaigns.advances.scene import Lending
from tests.house import Caller
from tests.ledger import money

PRICE = 5_200


def exposure(made: Lending, number: int = 0, *, by: Caller | None = None) -> list[dict[str, Any]]:
    response = (by or made.members[number]).get("/v1/advance-exposures")
    assert response.status_code == 200, response.json
    [row] = response.json["items"]
    assert row["cooperative_id"] == str(made.coop(number))
    found: list[dict[str, Any]] = row["currencies"]
    return found


def book(session: Session, code: str, cooperative_id: uuid.UUID, minor: int) -> None:
    owner = Owner(kind=OwnerKind.COOPERATIVE, id=cooperative_id)
    account = Account(code=code, currency="CNY", owner=owner)
    sides = (account, money.bank()) if code == "coop_receivable" else (money.bank(), account)
    lines = money.lines(*sides, minor)
    ledger.post(session, context.system(), kind="booked_in_a_test", source_id=uuid.uuid4(), lines=lines)


def run(made: Lending, *arguments: str) -> Result:
    database.db.session.remove()
    return made.market.app.test_cli_runner().invoke(advances_group, ["exposure", *arguments])


def test_outstanding_and_owed_less_what_is_held_beside_the_limit(made: Lending) -> None:
    made.paid(4_000)
    made.granted(1_000)
    with database.reading() as session:
        book(session, "coop_receivable", made.coop(), 700)
        book(session, "coop_retention", made.coop(), 300)
        [row] = exposing.of(session, [session.get_one(Cooperative, made.coop())])
    told: dict[str, Any] = CooperativeExposure().dump(row)
    assert told["currencies"] == [
        {
            "currency": "CNY",
            "promised_minor": 1_000,
            "outstanding_minor": 4_000,
            "owed_minor": 700,
            "held_minor": 300,
            "exposed_minor": 4_400,
            "limit_minor": PRICE,
            "used_permille": 770,
            "is_beyond_limit": False,
        }
    ]


def test_members_see_their_own_staff_everybodys(made: Lending) -> None:
    assert exposure(made, 1)[0]["limit_minor"] == 2 * PRICE
    everybody = made.operator.get("/v1/advance-exposures?limit=2").json
    assert len(everybody["items"]) == 2
    assert everybody["next_cursor"] is not None
    elsewhere = made.operator.get(f"/v1/advance-exposures?county_id={uuid.uuid4()}").json
    assert elsewhere["items"] == []
    assert_refused(made.sending.buyers[0].get("/v1/advance-exposures"), 403, "forbidden")


def test_the_table_lines_up_and_has_a_bar(made: Lending) -> None:
    made.paid(2_600)
    result = run(made)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if line.strip()]
    assert len({cell_len(line) for line in lines}) == 1, "Chinese letters are two places wide"
    [mine] = [line for line in lines if "YJ01" in line]
    assert "██████████·········· 50.0 %" in mine
    assert [cell.strip() for cell in mine.strip("│").split("│")][2] == "26.00"


def test_as_csv_its_amounts_add_up(made: Lending) -> None:
    made.paid(2_600)
    header, *rows = run(made, "--csv").output.splitlines()
    assert header == "cooperative_code,currency,outstanding,promised,owed,held,exposed,limit,used_permille"
    assert rows == [
        "YJ01,CNY,26.00,0.00,0.00,0.00,26.00,52.00,500",
        "YJ02,CNY,0.00,0.00,0.00,0.00,0.00,104.00,0",
        "YJ03,CNY,0.00,0.00,0.00,0.00,0.00,156.00,0",
    ]


@pytest.mark.parametrize("terms", [{"factor_permille": 0}])
def test_without_a_limit_there_is_no_bar_and_what_is_outstanding_is_beyond_it(
    made: Lending, terms: dict[str, int]
) -> None:
    made.paid(2_600)
    steps = {"confirmation_permille": 0, "intake_permille": 0, "delivery_permille": 0, "clearing_days": 0}
    assert made.operator.put(f"{made.sale.url}/advance-terms", json={**steps, **terms}).status_code == 200
    [found] = exposure(made)
    assert (found["used_permille"], found["is_beyond_limit"]) == (None, True)
    assert "–" in run(made).output
