"""Campaigns that were scheduled before there were policies get the one by which they have been carried out."""

import uuid
from datetime import UTC, date, datetime

import psycopg
from alembic import command

from campaigns.policy import rules
from campaigns.states import CutRule
from marketplace.embedded.databases import DatabaseUrls
from tests import house, servers

COUNTY = """
    INSERT INTO county (id, code, name_en, name_zh, is_demo, version, created_at)
    VALUES (%s, 'C', 'c', '县', true, 1, now())
"""
CAMPAIGN = """
    INSERT INTO campaign (id, code, kind, state, county_id, title_en, title_zh, opens_at, closes_at, cut_rule,
        claims_days, created_at, version)
    VALUES (%s, %s, 'presale', %s, %s, 'a', 'b', '2027-06-01Z', %s, %s, 7, now(), 1)
"""
TOLD = """
    SELECT c.code, c.policy_digest, p.season, p.cut_rule, s.digest, s.signed_by FROM campaign c
    JOIN campaign_policy p ON p.campaign_id = c.id LEFT JOIN policy_signature s ON s.campaign_id = c.id ORDER BY c.code
"""


def test_what_was_scheduled_is_agreed_on_by_its_digest(empty_database: DatabaseUrls):
    config = house.alembic_config(empty_database)
    command.upgrade(config, "0029")
    june, july = (datetime(2027, month, day, tzinfo=UTC) for month, day in ((6, 30), (7, 1)))
    county_id = uuid.uuid4()
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        connection.execute(COUNTY, [county_id])
        for code, state, closes_at, cut_rule in (
            ("a-draft", "draft", june, "equal_awards"),
            ("b-open", "deposit_open", june, "equal_awards"),
            ("c-cut", "shortfall", july, "proportional"),
            ("d-dropped", "cancelled", july, "equal_awards"),
        ):
            connection.execute(CAMPAIGN, [uuid.uuid4(), code, state, county_id, closes_at, cut_rule])
    command.upgrade(config, "head")
    with psycopg.connect(servers.plain(empty_database.owner_url)) as connection:
        found = connection.execute(TOLD).fetchall()
    first, second = rules.default_of(date(2027, 6, 30)), rules.default_of(date(2027, 7, 1))
    opened = rules.digest_of(first)
    cut = rules.digest_of(rules.Policy(season=second.season, cut_rule=CutRule.PROPORTIONAL))
    assert found == [
        ("a-draft", None, "2026-27", "equal_awards", None, None),
        ("b-open", opened, "2026-27", "equal_awards", opened, "system"),
        ("c-cut", cut, "2027-28", "proportional", cut, "system"),
        ("d-dropped", None, "2027-28", "equal_awards", None, None),
    ]
