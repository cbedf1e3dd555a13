"""Commands of campaigns: `flask campaigns picture`, `flask campaigns simulate`."""

from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import select

from campaigns import life_picture
from campaigns.models import Campaign
from campaigns.policy import policies, printing, trying
from campaigns.policy.rules import Policy, Weight
from campaigns.states import CampaignStateForbids
from marketplace import context, terminal
from marketplace.catalogue import counties
from marketplace.database import reading
from marketplace.settings import PROJECT_ROOT
from marketplace.values import QUANTITY_MAX
from orders.allocation.problem import RULES

PICTURE_FILE: Final = PROJECT_ROOT / "docs" / "pictures" / "campaign-states.svg"


@click.group("campaigns")
def campaigns_group() -> None:
    """Campaigns: their picture, and policies tried out. 活动"""


@campaigns_group.command("picture")
@click.option("--to", "path", type=click.Path(path_type=Path), default=PICTURE_FILE, show_default=False)
def picture_command(path: Path) -> None:
    """Draw the states of a campaign from the table of its moves. 绘制活动状态图"""
    path.write_text(life_picture.draw())
    click.echo(f"{path} is written. 已写入")


@campaigns_group.command("simulate")
@click.argument("code")
@click.option("--rule", type=click.Choice(RULES), help="Of the second policy.")
@click.option(
    "--weight", type=click.Choice([each.value for each in Weight]), help="What counts of a cooperative."
)
@click.option("--strict/--not-strict", default=None, help="Everybody within one box of the exact share.")
@click.option(
    "--minimum",
    "minimum_boxes",
    type=click.IntRange(1, QUANTITY_MAX),
    help="A cooperative is given so many boxes of an item at least, or none.",
)
@click.option("--season", help="In whose account levels are compared.")
@click.option(
    "--boxes",
    type=click.IntRange(min=1),
    multiple=True,
    help="Assumed of each item, in their order; all or none.",
)
def simulate_command(*, code: str, boxes: tuple[int, ...], **changes: Any) -> None:
    """The policy of campaign CODE beside another one; nothing is stored. 政策试算（不写入）"""
    with reading() as session:
        campaign = session.scalar(select(Campaign).where(Campaign.code == code))
        if campaign is None:
            raise click.ClickException(f"There is no campaign {code}. 没有该活动。")
        if boxes and len(boxes) != len(campaign.items):
            raise click.ClickException(
                f"{code} has {len(campaign.items)} items: tell the boxes of each. 请逐项给出箱数。"
            )
        own = policies.latest(session, campaign_id=campaign.id).agreed
        second = _changed(own, changes)
        if second["strict"] and second["minimum_boxes"] > 1:
            raise click.ClickException(
                "A minimum lot and strict do not go together. 最低供货箱数与严格模式不可并用。"
            )
        try:
            found = trying.compare(
                session,
                context.system(),
                campaign_id=campaign.id,
                second=second,
                assumed=[(item.id, each) for item, each in zip(campaign.items, boxes, strict=False)],
            )
        except (CampaignStateForbids, trying.NothingPledged) as refused:
            raise click.ClickException(f"{refused.title.en} {refused.title.zh}") from refused
        county = counties.get(session, county_id=campaign.county_id)
        printing.show(terminal.console(), found, is_demo=county.is_demo)


def _changed(own: Policy, changes: dict[str, Any]) -> dict[str, Any]:
    """The campaign's own policy with what was told instead."""
    kept = {name: getattr(own, name) for name in Policy.__dataclass_fields__}
    told = {name: value for name, value in changes.items() if value is not None}
    if "weight" in told:
        told["weight"] = Weight(told["weight"])
    return {**kept, **told}
