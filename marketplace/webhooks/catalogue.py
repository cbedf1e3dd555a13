"""The one table of what partners can be told: each event, its version, and what its data holds. Pure.

Data names things by id and counts them; it holds nothing about a person. A member is never taken away or changed in
meaning within a version; what must change becomes a new version of the event.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from marketplace.language import Text
from marketplace.values import instant_text


class Form(StrEnum):
    """What one member of an event's data may be."""

    ID = "id"
    WHOLE = "whole"
    WORD = "word"
    """A code or a state: a few letters that programs compare."""
    INSTANT = "instant"
    NOTE = "note"
    """A signed text of a few lines, to be kept word by word."""


SCHEMAS: Final[dict[Form, dict[str, Any]]] = {
    Form.ID: {"type": "string", "format": "uuid"},
    Form.WHOLE: {"type": "integer"},
    Form.WORD: {"type": "string", "maxLength": 80},
    Form.INSTANT: {"type": "string", "format": "date-time"},
    Form.NOTE: {"type": "string", "maxLength": 4096},
}
_TYPES: Final[dict[Form, type]] = {
    Form.ID: uuid.UUID,
    Form.WHOLE: int,
    Form.WORD: str,
    Form.INSTANT: datetime,
    Form.NOTE: str,
}


class NotAsWritten(TypeError):
    """Data that is not what the table says of its event: an error of our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One kind of message."""

    name: str
    says: Text
    data: Mapping[str, Form]
    nullable: frozenset[str] = frozenset()
    version: int = 1
    for_cooperatives: bool = True
    """Whether it can concern a cooperative; otherwise it goes to the marketplace's own endpoints alone."""
    is_wished: bool = True
    """Whether an endpoint asks for it; the others come without being asked for."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a message's data."""
        return {
            "type": "object",
            "properties": {name: self._schema_of(name, form) for name, form in self.data.items()},
            "required": list(self.data),
        }

    def _schema_of(self, name: str, form: Form) -> dict[str, Any]:
        plain = SCHEMAS[form]
        return {**plain, "type": [plain["type"], "null"]} if name in self.nullable else plain

    def written(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data as JSON. Raises NotAsWritten."""
        if set(data) != set(self.data):
            raise NotAsWritten(f"{self.name}: {sorted(set(data) ^ set(self.data))}")
        return {name: self._value(name, data[name]) for name in self.data}

    def _value(self, name: str, value: Any) -> Any:
        if value is None and name in self.nullable:
            return None
        form = self.data[name]
        if isinstance(value, bool) or not isinstance(value, _TYPES[form]):
            raise NotAsWritten(f"{self.name}.{name}: {type(value).__name__}")
        if isinstance(value, datetime):
            return instant_text(value)
        return str(value) if isinstance(value, uuid.UUID | str) else value


_ORDER: Final = {
    "order_id": Form.ID,
    "kind": Form.WORD,
    "state": Form.WORD,
    "pack_id": Form.ID,
    "boxes": Form.WHOLE,
    "quantity_grams": Form.WHOLE,
    "total_minor": Form.WHOLE,
    "currency": Form.WORD,
}
_BALANCE: Final = {
    **_ORDER,
    "balance_boxes": Form.WHOLE,
    "balance_minor": Form.WHOLE,
    "balance_due_at": Form.INSTANT,
}
_SHARE: Final = {
    "share_id": Form.ID,
    "order_id": Form.ID,
    "run_id": Form.ID,
    "cooperative_id": Form.ID,
    "state": Form.WORD,
    "boxes": Form.WHOLE,
    "boxes_given_back": Form.WHOLE,
    "pack_grams": Form.WHOLE,
    "answer_due_at": Form.INSTANT,
}
_PAYMENT: Final = {
    "payment_id": Form.ID,
    "order_id": Form.ID,
    "amount_minor": Form.WHOLE,
    "currency": Form.WORD,
}
_CASE: Final = {
    "case_id": Form.ID,
    "kind": Form.WORD,
    "state": Form.WORD,
    "subject_kind": Form.WORD,
    "subject_id": Form.ID,
    "cooperative_id": Form.ID,
}
_CLAIM: Final = {
    "claim_id": Form.ID,
    "order_id": Form.ID,
    "parcel_id": Form.ID,
    "cooperative_id": Form.ID,
    "kind": Form.WORD,
    "state": Form.WORD,
    "boxes": Form.WHOLE,
}

EVENT_TYPES: Final = (
    EventType(
        name="campaign.state_changed",
        says=Text(en="A campaign came into another state.", zh="活动进入新状态。"),
        data={
            "campaign_id": Form.ID,
            "code": Form.WORD,
            "before": Form.WORD,
            "after": Form.WORD,
            "number": Form.WHOLE,
            "opens_at": Form.INSTANT,
            "closes_at": Form.INSTANT,
        },
    ),
    EventType(
        name="campaign.pledged",
        says=Text(
            en="A cooperative's boxes stand in a campaign's pool: of its lots, or of a forecast.",
            zh="合作社为活动承诺货源。",
        ),
        data={
            "campaign_id": Form.ID,
            "item_id": Form.ID,
            "cooperative_id": Form.ID,
            "boxes": Form.WHOLE,
        },
    ),
    EventType(
        name="order.placed",
        says=Text(
            en="A bulk order was placed and split; an operator must approve it.",
            zh="大宗订单已提交并分配，待审批。",
        ),
        data=_ORDER,
        for_cooperatives=False,
    ),
    EventType(
        name="order.committed",
        says=Text(en="An order is committed: paid, or confirmed by its cooperatives.", zh="订单已生效。"),
        data=_ORDER,
        for_cooperatives=False,
    ),
    EventType(
        name="order.balance_due",
        says=Text(
            en="The price of an order is final; the rest of it is due.", zh="订单价格已确定，尾款待付。"
        ),
        data=_BALANCE,
        for_cooperatives=False,
    ),
    EventType(
        name="order.balance_paid",
        says=Text(en="Nothing is left to pay for an order.", zh="订单尾款已付清。"),
        data=_BALANCE,
        for_cooperatives=False,
    ),
    EventType(
        name="order.packing",
        says=Text(
            en="A wave has taken an order up: its boxes have their lots. Also when the dispatch of a parcel is undone.",
            zh="订单已进入发货批次，箱已落到批次；撤销发货后亦通知。",
        ),
        data=_ORDER,
        for_cooperatives=False,
    ),
    EventType(
        name="order.shipped",
        says=Text(en="All boxes of an order are on their way.", zh="订单已全部发出。"),
        data=_ORDER,
        for_cooperatives=False,
    ),
    EventType(
        name="order.delivered",
        says=Text(en="All boxes of an order have arrived.", zh="订单已全部送达。"),
        data=_ORDER,
        for_cooperatives=False,
    ),
    EventType(
        name="order.cut",
        says=Text(
            en="A shortage took boxes from an order; without any left it is over as well.",
            zh="订单因缺货被削减；未剩箱数时订单亦结束。",
        ),
        data={**_ORDER, "boxes_before": Form.WHOLE, "boxes_after": Form.WHOLE},
        for_cooperatives=False,
    ),
    EventType(
        name="order.ended",
        says=Text(
            en="An order is over, as its state says: withdrawn, expired, cancelled, released with its campaign, cut"
            " to nothing, or its payment failed, or its balance was not paid.",
            zh="订单已结束，状态说明原因：撤回、过期、取消、随活动释放、削减为零、付款失败或尾款逾期。",
        ),
        data=_ORDER,
        for_cooperatives=False,
    ),
    EventType(
        name="allocation.approved",
        says=Text(
            en="An operator approved a split; its cooperatives are asked.", zh="分配已批准，正在征询合作社。"
        ),
        data={"order_id": Form.ID, "boxes": Form.WHOLE, "pack_grams": Form.WHOLE, "runs": Form.WHOLE},
        for_cooperatives=False,
    ),
    EventType(
        name="share.offered",
        says=Text(en="A share of a split is offered to a cooperative.", zh="向合作社提供分配份额。"),
        data=_SHARE,
        nullable=frozenset({"answer_due_at"}),
    ),
    EventType(
        name="share.answered",
        says=Text(
            en="A share was confirmed, declined, released, or its time to answer passed.",
            zh="份额已确认、拒绝、释放或逾期未答。",
        ),
        data=_SHARE,
        nullable=frozenset({"answer_due_at"}),
    ),
    EventType(
        name="case.opened",
        says=Text(en="A question came up that a person must settle.", zh="出现待办事项。"),
        data=_CASE,
        nullable=frozenset({"cooperative_id"}),
    ),
    EventType(
        name="case.settled",
        says=Text(en="An open question was settled.", zh="待办事项已处理。"),
        data=_CASE,
        nullable=frozenset({"cooperative_id"}),
    ),
    EventType(
        name="claim.opened",
        says=Text(
            en="A buyer claims boxes of a parcel; its cooperative is asked.",
            zh="买家就包裹提出售后申请，待合作社答复。",
        ),
        data=_CLAIM,
    ),
    EventType(
        name="claim.decided",
        says=Text(
            en="A claim was decided on, its boxes have come back or others have arrived instead, its buyer withdrew it,"
            " or a rule decided at once: the state says which.",
            zh="售后申请已裁定、退货已收到、补发已送达、买家已撤回，或由规则自动裁定；状态说明结果。",
        ),
        data={
            **_CLAIM,
            "refund_minor": Form.WHOLE,
            "currency": Form.WORD,
            "borne_by": Form.WORD,
        },
        nullable=frozenset({"refund_minor", "borne_by"}),
    ),
    EventType(
        name="lot.status_changed",
        says=Text(en="A lot was quarantined, recalled or cleared.", zh="批次被隔离、召回或解除。"),
        data={"lot_id": Form.ID, "cooperative_id": Form.ID, "before": Form.WORD, "after": Form.WORD},
    ),
    EventType(
        name="trace.checkpoint",
        says=Text(
            en="A county's chain of events was signed for; the note shows later whether it was changed.",
            zh="县追溯事件链已签署检查点，可供日后核验是否被改动。",
        ),
        data={"county_id": Form.ID, "county": Form.WORD, "length": Form.WHOLE, "note": Form.NOTE},
        for_cooperatives=False,
    ),
    EventType(
        name="payment.received",
        says=Text(en="Money for an order has arrived.", zh="订单款项已到账。"),
        data=_PAYMENT,
        for_cooperatives=False,
    ),
    EventType(
        name="payment.failed",
        says=Text(en="No money comes for an order.", zh="订单付款失败。"),
        data={"payment_id": Form.ID, "order_id": Form.ID},
        for_cooperatives=False,
    ),
    EventType(
        name="payment.refund_due",
        says=Text(
            en="Of received money so much must go back, and so much is owed on top of it.",
            zh="已收款项中应退金额，以及另行补偿金额。",
        ),
        data={
            "payment_id": Form.ID,
            "order_id": Form.ID,
            "refund_minor": Form.WHOLE,
            "compensation_minor": Form.WHOLE,
            "currency": Form.WORD,
            "reason": Form.WORD,
        },
        for_cooperatives=False,
    ),
    EventType(
        name="payout.paid",
        says=Text(
            en="Money for a settlement, an advance or a tranche has arrived at the cooperative.",
            zh="结算款、预付款或分期款已付至合作社。",
        ),
        data={
            "payout_id": Form.ID,
            "cooperative_id": Form.ID,
            "purpose": Form.WORD,
            "purpose_id": Form.ID,
            "amount_minor": Form.WHOLE,
            "currency": Form.WORD,
        },
    ),
    EventType(
        name="payout.returned",
        says=Text(
            en="Money for a cooperative came back; it is still to be paid.",
            zh="付给合作社的款项已退回，仍待支付。",
        ),
        data={
            "payout_id": Form.ID,
            "cooperative_id": Form.ID,
            "purpose": Form.WORD,
            "purpose_id": Form.ID,
            "amount_minor": Form.WHOLE,
            "currency": Form.WORD,
        },
    ),
    EventType(
        name="webhook_endpoint.disabled",
        says=Text(
            en="Another endpoint of yours was disabled by the system; it tells nothing any more.",
            zh="您的另一个端点已被系统停用。",
        ),
        data={"endpoint_id": Form.ID, "reason": Form.WORD},
        is_wished=False,
    ),
    EventType(
        name="webhook.test",
        says=Text(en="Somebody tries whether this endpoint works.", zh="端点测试消息。"),
        data={"endpoint_id": Form.ID},
        is_wished=False,
    ),
)
BY_NAME: Final = {each.name: each for each in EVENT_TYPES}
WISHED: Final = tuple(each.name for each in EVENT_TYPES if each.is_wished)
"""What an endpoint may ask for."""
