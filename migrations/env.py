"""Alembic's environment: logs in as the owner of the tables, compares against the project's one metadata."""

from logging.config import fileConfig

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, pool

from marketplace.database import Base, connect, owner_url

config = context.config
if config.config_file_name is not None and config.attributes.get("configure_logger", False):
    fileConfig(config.config_file_name)


def run() -> None:
    url = config.attributes.get("url") or owner_url(current_app.config["SETTINGS"])
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, options="-c timezone=UTC -c lock_timeout=10000"),
        poolclass=pool.NullPool,
    )
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
