"""`flask books`: what happened before there was a ledger is booked."""

from typing import Final

import click

from marketplace import context
from marketplace.database import transact
from orders.books.catching_up import catch_up


@click.group("books")
def books_group() -> None:
    """The ledger and what it must tell of. 账务"""


@books_group.command("catch-up")
def catch_up_command() -> None:
    """Book what is not booked yet; run it once after the ledger came in. 补记账"""
    done = 0
    while booked := transact(lambda session: catch_up(session, context.system())):
        done += booked
    click.echo(f"{done} facts booked. 已补记 {done} 项。")


COMMANDS: Final = (books_group,)
