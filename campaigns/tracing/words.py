"""What the pages of boxes, lots and other things say, in both languages. Pure."""

from typing import Final

from inventory.labels.states import SerialState
from marketplace.language import Text

S = SerialState

VERDICTS: Final[dict[SerialState, tuple[str, Text]]] = {
    S.PRINTED: ("waiting", Text(en="This label is on no box yet.", zh="此标签尚未贴箱。")),
    S.ISSUED: ("waiting", Text(en="This label is on no box yet.", zh="此标签尚未贴箱。")),
    S.BOUND: (
        "waiting",
        Text(
            en="Genuine, and still in the cold store. If it lies before you, something is not right: tell us.",
            zh="标签真实，但果箱尚在冷库。如您已见到此箱，请告知我们。",
        ),
    ),
    S.SHIPPED: ("good", Text(en="Genuine. This box is on its way.", zh="标签真实，果箱运输中。")),
    S.ACTIVATED: ("good", Text(en="Genuine. This box was delivered.", zh="标签真实，果箱已送达。")),
    S.RETIRED: ("good", Text(en="Genuine. This box is used up.", zh="标签真实，果箱已使用完毕。")),
    S.FLAGGED: (
        "bad",
        Text(
            en="Something about this label is not right. The county office looks into it.",
            zh="此标签存在异常，县级主管部门正在核查。",
        ),
    ),
}
"""What is said of a label in each state, and how it looks; one that is void is gone."""

UNKNOWN: Final[dict[str, Text]] = {
    "21": Text(
        en="Nobody has printed a label with this serial number. It is not genuine.",
        zh="从未印制过此序列号的标签，该标签不是真品。",
    ),
    "10": Text(en="Nothing is known of this lot.", zh="没有该批次的信息。"),
    "254": Text(en="Nothing is known of this room.", zh="没有该库间的信息。"),
}
"""What is said when the way led up from something that is not known, by its application identifier."""

WORDS: Final[dict[str, Text]] = {
    "from": Text(en="From", zh="产自"),
    "way": Text(en="The way of these apples", zh="苹果的来路"),
    "orchard": Text(en="Orchard", zh="果园"),
    "plot": Text(en="plot {plot}", zh="地块 {plot}"),
    "lot_number": Text(en="lot {number}", zh="批次 {number}"),
    "harvested": Text(en="harvested on {day}", zh="{day}采收"),
    "store": Text(en="Cold store", zh="冷库"),
    "room": Text(en="room {room}", zh="{room} 库间"),
    "since": Text(en="from {since}", zh="自 {since}"),
    "stayed": Text(en="from {since} to {until}", zh="{since}至{until}"),
    "climate": Text(
        en="{least} to {greatest} °C ({count} readings)", zh="{least} 至 {greatest} °C（{count} 次测量）"
    ),
    "no_climate": Text(en="Nobody has told temperatures of it.", zh="暂无温度记录。"),
    "packed": Text(en="Packed and labelled", zh="装箱贴标"),
    "expired": Text(en="Past its best-before day in the store", zh="在库超过最佳食用期"),
    "on_the_road": Text(en="On the road, as its carrier last said", zh="承运人最近报告：运输途中"),
    "damaged": Text(en="Arrived damaged, and its buyer was refunded", zh="到货破损，已向买家退款"),
    "sent": Text(en="Sent", zh="发出"),
    "delivered": Text(en="Delivered", zh="送达"),
    "cut": Text(en="The way is longer than is shown here.", zh="完整来路较长，此处仅显示部分。"),
    "price": Text(en="Who got what of the price", zh="每箱的钱去了哪儿"),
    "price_of": Text(en="Of {price}, the campaign's price for this box:", zh="按活动价 {price} 计："),
    "check": Text(en="Label check", zh="标签核验"),
    "area": Text(en="Area", zh="产区"),
    "season": Text(en="Harvest of", zh="采收季"),
    "serial": Text(en="Serial number", zh="序列号"),
    "gtin": Text(en="GTIN", zh="GTIN"),
    "net": Text(en="Net weight", zh="净重"),
    "best_before": Text(en="Best before", zh="最佳食用期至"),
    "certificate": Text(en="Certificate of the land", zh="地块认证"),
    "certificate_link": Text(en="the certified land behind it", zh="地块认证与额度"),
    "valid_until": Text(en="until {day}", zh="有效期至{day}"),
    "hectares": Text(en="{hectares} ha", zh="{hectares} 公顷"),
    "land": Text(en="Certified land", zh="认证面积"),
    "earned": Text(en="Weighed fruit that earned labels", zh="已计额度的采收量"),
    "printed": Text(en="Labels", zh="标签数"),
    "covered": Text(
        en="There is no label without weighed fruit: each is taken from what the certified land has borne.",
        zh="没有称重的果，就没有标签：每枚标签都扣减认证地块的采收额度。",
    ),
    "proof": Text(
        en="What is told here is in the county's chain of events. The proof, for who wants to check it:",
        zh="以上信息均记录于县级追溯链，可自行验证：",
    ),
    "proof_link": Text(en="proof and signed checkpoint", zh="证明与签署的检查点"),
    "all_links": Text(en="all links (for programs)", zh="全部链接（供程序使用）"),
    "variety": Text(en="Variety", zh="品种"),
    "grade": Text(en="Grade", zh="等级"),
    "cooperative": Text(en="Cooperative", zh="合作社"),
    "county": Text(en="County", zh="县"),
    "township": Text(en="Township", zh="乡镇"),
    "households": Text(en="Households", zh="户数"),
    "boxes": Text(en="Boxes", zh="箱数"),
    "parcels": Text(en="Parcels", zh="包裹数"),
    "state": Text(en="State", zh="状态"),
    "labels": Text(en="Labels of its boxes", zh="箱上标签"),
    "on_sale": Text(en="What is on sale", zh="在售活动"),
}
KINDS: Final[dict[str, Text]] = {
    "product": Text(en="Product", zh="产品"),
    "fruit": Text(en="Fruit", zh="果品"),
    "place": Text(en="Cold store", zh="冷库"),
    "party": Text(en="Cooperative", zh="合作社"),
    "parcel": Text(en="Parcel", zh="包裹"),
    "pallet": Text(en="Pallet", zh="托盘"),
    "lot": Text(en="Lot", zh="批次"),
    "certificate": Text(en="Certificate of a label", zh="标签认证"),
}
PARCELS: Final[dict[str, Text]] = {
    "planned": Text(en="being prepared", zh="备货中"),
    "packed": Text(en="packed", zh="已打包"),
    "shipped": Text(en="on its way", zh="运输中"),
    "delivered": Text(en="delivered", zh="已送达"),
    "lost": Text(en="lost on its way", zh="运输途中丢失"),
    "short": Text(en="not filled, and refunded", zh="缺货已退款"),
    "withdrawn": Text(en="not filled", zh="未装箱"),
    "cancelled": Text(en="cancelled", zh="已取消"),
}
PALLETS: Final[dict[str, Text]] = {
    "open": Text(en="being loaded", zh="装托中"),
    "closed": Text(en="ready to leave", zh="待发"),
    "shipped": Text(en="on its way", zh="运输中"),
    "arrived": Text(en="at a hub", zh="已到中转站"),
    "broken": Text(en="broken up", zh="已拆托"),
}
