"""Commands of campaigns: `flask campaigns picture`."""

from pathlib import Path
from typing import Final

import click

from campaigns import life_picture
from marketplace.settings import PROJECT_ROOT

PICTURE_FILE: Final = PROJECT_ROOT / "docs" / "pictures" / "campaign-states.svg"


@click.group("campaigns")
def campaigns_group() -> None:
    """Campaigns: their picture. 活动"""


@campaigns_group.command("picture")
@click.option("--to", "path", type=click.Path(path_type=Path), default=PICTURE_FILE, show_default=False)
def picture_command(path: Path) -> None:
    """Draw the states of a campaign from the table of its moves. 绘制活动状态图"""
    path.write_text(life_picture.draw())
    click.echo(f"{path} is written. 已写入")
