"""What buyers are told of their parcels, and cooperatives of picks that were short. Pure."""

import uuid
from dataclasses import dataclass

from marketplace.language import Text
from marketplace.notifications.kinds.about import About, Kind


@dataclass(frozen=True, kw_only=True)
class ParcelShipped(About):
    kind = Kind.PARCEL_SHIPPED
    title = Text(en="{boxes} boxes are on their way", zh="您的 {boxes} 箱已发货")
    body = Text(
        en="{boxes} boxes of your order {order_id} have left with {carrier}; tracking number: {tracking_number}.",
        zh="您的订单 {order_id} 中 {boxes} 箱已由 {carrier} 承运；运单号：{tracking_number}。",
    )
    order_id: uuid.UUID
    boxes: int
    carrier: str
    tracking_number: str


@dataclass(frozen=True, kw_only=True)
class ShipmentVoided(About):
    kind = Kind.SHIPMENT_VOIDED
    title = Text(en="{boxes} boxes are not on their way yet", zh="您的 {boxes} 箱尚未发出")
    body = Text(
        en="We told you that {boxes} boxes of your order {order_id} had left; they are still in the cold store. You"
        " will hear from us when they leave.",
        zh="此前通知您的订单 {order_id} 中 {boxes} 箱已发货有误，货物仍在冷库，发出时将再次通知您。",
    )
    order_id: uuid.UUID
    boxes: int


@dataclass(frozen=True, kw_only=True)
class OrderDelivered(About):
    kind = Kind.ORDER_DELIVERED
    title = Text(en="Your order is delivered", zh="您的订单已送达")
    body = Text(
        en="All boxes of your order {order_id} are delivered. If something is wrong with them, tell us soon.",
        zh="您的订单 {order_id} 已全部送达。如有问题请尽快告知。",
    )
    order_id: uuid.UUID


@dataclass(frozen=True, kw_only=True)
class FruitRecalled(About):
    kind = Kind.FRUIT_RECALLED
    title = Text(en="Please do not eat these apples", zh="请勿食用这批苹果")
    body = Text(
        en="{boxes} boxes of your order {order_id} are of a lot that was recalled. {reason} Please do not eat them, and"
        " keep them until you hear from us.",
        zh="您的订单 {order_id} 中有 {boxes} 箱属于已召回的批次。{reason}请勿食用并暂时保留，等待我们的通知。",
    )
    is_mandatory = True
    is_urgent = True
    order_id: uuid.UUID
    boxes: int
    reason: Text


@dataclass(frozen=True, kw_only=True)
class PickShort(About):
    kind = Kind.PICK_SHORT
    title = Text(
        en="{boxes_missing} boxes of lot {lot} cannot be had", zh="批次 {lot} 拣货缺 {boxes_missing} 箱"
    )
    body = Text(
        en="{cooperative}: for wave {wave_id}, {boxes_missing} boxes of your lot {lot} cannot be had ({reason}). Of"
        " the boxes whose parcels lost them, {boxes_substituted} come out of other lots, {boxes_taken_back} wait with"
        " their orders for another wave, and {boxes_refunded} are refunded at your charge. Please look at the pick"
        " list again.",
        zh="{cooperative}：发货批次 {wave_id} 拣货时，贵社批次 {lot} 缺 {boxes_missing} 箱（{reason}）。"
        "受影响的箱中，{boxes_substituted} 箱改由其他批次供货，{boxes_taken_back} 箱随订单等待后续批次，"
        "{boxes_refunded} 箱退款并由贵社承担。请重新查看拣货单。",
    )
    is_mandatory = True
    wave_id: uuid.UUID
    cooperative: Text
    lot: str
    reason: str
    boxes_missing: int
    boxes_substituted: int
    boxes_taken_back: int
    boxes_refunded: int
