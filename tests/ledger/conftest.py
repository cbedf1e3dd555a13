"""After each test the books hold: every invariant of the ledger, whatever the test did."""

import pytest

from marketplace import database, verify
from marketplace.ledger.invariants import INVARIANTS


@pytest.fixture
def books(app):
    yield app
    with database.reading() as session:
        findings = verify.check(session, INVARIANTS)
    assert [(each.invariant.id, each.first) for each in findings if not each.holds] == []
