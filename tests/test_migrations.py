"""Migrations: up from nothing, down again, and exactly the tables that the models describe."""

import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_engine, pool, text
from sqlalchemy.schema import CreateTable

from marketplace.database import Base, connect
from tests import house, servers

CHECKS = """
    SELECT c.conrelid::regclass::text AS relation, c.conname AS name, pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE c.contype = 'c' AND n.nspname = 'public'
"""


def engine_of(url):
    return create_engine("postgresql+psycopg://", creator=lambda: connect(url), poolclass=pool.NullPool)


def tables(url):
    with psycopg.connect(servers.plain(url)) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows}


def test_up_from_nothing_down_again_and_up_once_more(empty_database):
    config = house.alembic_config(empty_database)

    command.upgrade(config, "head")
    full = tables(empty_database.owner_url)
    command.downgrade(config, "base")
    bare = tables(empty_database.owner_url)
    command.upgrade(config, "head")

    assert bare <= {"alembic_version"}
    assert tables(empty_database.owner_url) == full
    assert {table.name for table in Base.metadata.sorted_tables} <= full


def test_each_step_goes_down_and_up_by_itself(empty_database):
    config = house.alembic_config(empty_database)
    command.upgrade(config, "head")
    steps = len(list(ScriptDirectory.from_config(config).walk_revisions()))
    for _ in range(steps):
        command.downgrade(config, "-1")
        command.upgrade(config, "+1")
        command.downgrade(config, "-1")

    assert tables(empty_database.owner_url) <= {"alembic_version"}


def test_no_table_column_or_index_drifts_from_the_models(database_urls, built_app):
    engine = engine_of(database_urls.owner_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_no_check_drifts_from_the_models(database_urls, built_app, empty_database):
    """Autogeneration does not compare CHECKs: make the models' tables in an empty database and compare those."""
    bare = engine_of(empty_database.owner_url)
    with bare.begin() as connection:
        for table in Base.metadata.sorted_tables:
            connection.execute(CreateTable(table, include_foreign_key_constraints=[]))
        expected = set(connection.execute(text(CHECKS)).all())
    with engine_of(database_urls.owner_url).connect() as connection:
        found = set(connection.execute(text(CHECKS)).all())

    assert found == expected


def test_every_check_has_a_name():
    for table in Base.metadata.sorted_tables:
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint):
                assert constraint.name
