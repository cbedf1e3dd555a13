"""Where the items of a campaign stand: what is sold, pledged, kept and asked for, under the locks that keep it so.

Locks are taken in the order campaign, season, forecasts, pledges by lot, pools by id; lots come last. Whether there is
anything to do is counted first, without them (`counted`): of 500 answers most only leave 499 others to wait for.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.allotting.models import AllottedItem, Commitment
from campaigns.allotting.rules import OPEN, CommitmentState, Standing
from campaigns.models import Campaign, Item
from inventory.capacity import pledging
from inventory.models import Hold, Lot, Pool
from inventory.states import PLEDGES, HoldState

COUNTED: Final = text("""
    SELECT i.id, p.boxes_sold, p.boxes_held, k.offered, k.confirmed, f.free
    FROM campaign_item i JOIN pool p ON p.id = i.pool_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(boxes - boxes_given_back) FILTER (WHERE state = 'offered'), 0) AS offered,
            coalesce(sum(boxes - boxes_given_back) FILTER (WHERE state = 'confirmed'), 0) AS confirmed
        FROM commitment WHERE item_id = i.id
    ) k CROSS JOIN LATERAL (
        SELECT coalesce(sum(greatest(0, h.pledged - coalesce(m.kept, 0))), 0) AS free FROM (
            SELECT cooperative_id, sum(boxes - consumed_boxes - released_boxes) AS pledged FROM hold
            WHERE pool_id = i.pool_id AND kind IN ('pledge', 'forecast') AND state = 'active'
            GROUP BY cooperative_id
        ) h LEFT JOIN (
            SELECT cooperative_id, sum(boxes - boxes_given_back) AS kept, sum(boxes_given_back) AS back
            FROM commitment WHERE item_id = i.id GROUP BY cooperative_id
        ) m ON m.cooperative_id = h.cooperative_id
        WHERE coalesce(m.back, 0) = 0
    ) f
    WHERE i.campaign_id = :campaign_id ORDER BY i.id
""")
"""Where each item stands, one row each: what `Facts.standing` says of all pledges and commitments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An item, its pool, the open boxes of its pledges and what its commitments keep of them."""

    item: Item
    pool: Pool
    pledges: tuple[Hold, ...]
    """Those first whose fruit must be sold first."""
    commitments: tuple[Commitment, ...]

    @property
    def pledged(self) -> dict[uuid.UUID, int]:
        found: dict[uuid.UUID, int] = {}
        for hold in self.pledges:
            assert hold.cooperative_id is not None
            found[hold.cooperative_id] = found.get(hold.cooperative_id, 0) + hold.open_boxes
        return found

    @property
    def kept(self) -> dict[uuid.UUID, int]:
        found: dict[uuid.UUID, int] = {}
        for each in self.commitments:
            found[each.cooperative_id] = found.get(each.cooperative_id, 0) + each.boxes_kept
        return found

    @property
    def free(self) -> dict[uuid.UUID, int]:
        """By cooperative that has given nothing back: what of its pledge no commitment keeps."""
        refused = {each.cooperative_id for each in self.commitments if each.boxes_given_back}
        kept = self.kept
        return {
            cooperative_id: max(0, boxes - kept.get(cooperative_id, 0))
            for cooperative_id, boxes in self.pledged.items()
            if cooperative_id not in refused
        }

    @property
    def standing(self) -> Standing:
        by_state = dict.fromkeys(OPEN, 0)
        for each in self.commitments:
            if each.state in OPEN:
                by_state[CommitmentState(each.state)] += each.boxes_kept
        return Standing(
            sold=self.pool.boxes_sold,
            pending=self.pool.boxes_held,
            offered=by_state[CommitmentState.OFFERED],
            confirmed=by_state[CommitmentState.CONFIRMED],
            free=sum(self.free.values()),
        )


def of_items(session: Session, campaign: Campaign) -> list[Facts]:
    """The facts of each item of a locked campaign; its pledges and pools are locked."""
    pledges = _pledges(session, campaign.items)
    pools = _pools(session, campaign.items)
    commitments = of_campaign(session, campaign)
    return [
        Facts(
            item=item,
            pool=pools[item.pool_id],
            pledges=tuple(each for each in pledges if each.pool_id == item.pool_id),
            commitments=tuple(each for each in commitments if each.item_id == item.id),
        )
        for item in campaign.items
    ]


def counted(session: Session, campaign: Campaign) -> dict[uuid.UUID, Standing]:
    """Where each item of a locked campaign stands, counted by the database: nothing else is locked or read."""
    rows = session.execute(COUNTED, {"campaign_id": campaign.id})
    return {
        row.id: Standing(
            sold=row.boxes_sold,
            pending=row.boxes_held,
            offered=int(row.offered),
            confirmed=int(row.confirmed),
            free=int(row.free),
        )
        for row in rows
    }


def is_still_asked(session: Session, campaign: Campaign, *, item_id: uuid.UUID) -> bool:
    """Somebody has not answered for this item yet, and nothing was sold since it was looked at."""
    asked = select(Commitment.id).where(
        Commitment.item_id == item_id, Commitment.state == CommitmentState.OFFERED
    )
    sold_since = (
        select(Item.id)
        .join(Pool, Pool.id == Item.pool_id)
        .join(AllottedItem, AllottedItem.item_id == Item.id)
        .where(Item.campaign_id == campaign.id, Pool.boxes_sold != AllottedItem.boxes)
    )
    return bool(session.execute(select(asked.exists() & ~sold_since.exists())).scalar_one())


def of_campaign(session: Session, campaign: Campaign) -> list[Commitment]:
    """All commitments of a locked campaign, as they are now."""
    statement = select(Commitment).where(Commitment.campaign_id == campaign.id).order_by(Commitment.id)
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def _pledges(session: Session, items: Sequence[Item]) -> list[Hold]:
    pool_ids = [item.pool_id for item in items]
    pledging.lock(session, pool_ids=pool_ids)
    statement = (
        select(Hold)
        .where(
            Hold.pool_id.in_(pool_ids),
            Hold.kind.in_(sorted(PLEDGES)),
            Hold.state == HoldState.ACTIVE,
        )
        .order_by(Hold.lot_id, Hold.id)
        .with_for_update(of=Hold, key_share=True)
        .execution_options(populate_existing=True)
    )
    found = list(session.scalars(statement))
    lots = select(Lot.id, Lot.best_before_on).where(
        Lot.id.in_([each.lot_id for each in found if each.lot_id])
    )
    ends = {row.id: row.best_before_on for row in session.execute(lots)}

    def place(hold: Hold) -> tuple[date, uuid.UUID]:
        """What is only forecast stands last, and is given back first."""
        return (date.max, hold.id) if hold.lot_id is None else (ends[hold.lot_id], hold.lot_id)

    return sorted(found, key=place)


def _pools(session: Session, items: Sequence[Item]) -> Mapping[uuid.UUID, Pool]:
    statement = (
        select(Pool)
        .where(Pool.id.in_([item.pool_id for item in items]))
        .order_by(Pool.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {pool.id: pool for pool in session.scalars(statement)}
