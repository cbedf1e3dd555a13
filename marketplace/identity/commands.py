"""Identity on the command line."""

from typing import Final

import click
from sqlalchemy.orm import Session

from marketplace import context, errors
from marketplace.access import Role
from marketplace.database import transact
from marketplace.identity import accounts


@click.command("create-operator")
@click.option("--login", required=True, help="What the operator logs in with.")
@click.option("--name", default="Operator", show_default=True)
@click.password_option(
    "--password", envvar="OPERATOR_PASSWORD", help="Asked for unless OPERATOR_PASSWORD is set."
)
def create_operator(login: str, name: str, password: str) -> None:
    """Make an operator's account, the first of all. 创建运营账号"""

    def work(session: Session) -> None:
        accounts.create(
            session,
            context.system(),
            name=name,
            roles=frozenset({Role.OPERATOR}),
            login=login,
            password=password,
        )

    try:
        transact(work)
    except errors.Refusal as refusal:
        raise click.ClickException(f"{refusal.title.en} {refusal.title.zh}") from None
    click.echo(f"The operator {accounts.normal_login(login)} can log in. 运营账号已创建。")


COMMANDS: Final[tuple[click.Command, ...]] = (create_operator,)
