"""What the pages say, in both languages. Pure.

`WORDS` are the words of the templates, by name; `{names}` in them are filled. States have a name and a sentence.
"""

from typing import Final

from campaigns.policy.rules import Weight
from campaigns.states import CampaignState, CutRule
from inventory.deposit_rules import DepositType, Funder
from marketplace.language import Text
from orders.states import Silence

S = CampaignState

STATES: Final[dict[CampaignState, Text]] = {
    S.DRAFT: Text(en="Draft", zh="草稿"),
    S.SCHEDULED: Text(en="Coming soon", zh="即将开售"),
    S.DEPOSIT_OPEN: Text(en="On sale", zh="预售中"),
    S.PAUSED: Text(en="Paused", zh="暂停"),
    S.DEPOSIT_CLOSED: Text(en="Sale over", zh="预售结束"),
    S.FAILED: Text(en="Will not take place", zh="未成团"),
    S.ALLOCATING: Text(en="Being shared out", zh="分配中"),
    S.ALLOCATED: Text(en="Shared out", zh="已分配"),
    S.HARVESTED: Text(en="Harvested", zh="已采收"),
    S.SHORTFALL: Text(en="Too little fruit", zh="短缺处理"),
    S.BALANCE_OPEN: Text(en="Balance due", zh="尾款中"),
    S.BALANCE_CLOSED: Text(en="Balance closed", zh="尾款结束"),
    S.FULFILLING: Text(en="On its way", zh="发货中"),
    S.COMPLETED: Text(en="Delivered", zh="已完成"),
    S.SETTLED: Text(en="Settled", zh="已结算"),
    S.CANCELLED: Text(en="Cancelled", zh="已取消"),
    S.CLOSED: Text(en="Ended", zh="已关闭"),
}
SENTENCES: Final[dict[CampaignState, Text]] = {
    S.DRAFT: Text(en="It is not public yet.", zh="尚未公开。"),
    S.SCHEDULED: Text(en="It opens by itself, to the second.", zh="到点自动开售，精确到秒。"),
    S.DEPOSIT_OPEN: Text(en="Boxes can be held and bought.", zh="现在可以锁定并购买。"),
    S.PAUSED: Text(
        en="Nobody can hold new boxes; what is ordered stands.", zh="暂不接受新的锁定；已下订单仍然有效。"
    ),
    S.DEPOSIT_CLOSED: Text(
        en="The window is over; whether the goal is reached is seen once nobody can still pay.",
        zh="活动时间已过，待所有付款结束后判定是否达到目标。",
    ),
    S.FAILED: Text(en="Everybody gets the money back.", zh="已支付的款项将全部退还。"),
    S.ALLOCATING: Text(
        en="The boxes sold are shared out over the cooperatives, and each is asked.",
        zh="已售箱数正在合作社之间分配，并逐一征询。",
    ),
    S.ALLOCATED: Text(
        en="Every box has its cooperative; what is still on the trees is waited for.",
        zh="每一箱都有合作社供货；树上的果实等待采收。",
    ),
    S.HARVESTED: Text(en="What there will be is there.", zh="果实已经到位。"),
    S.SHORTFALL: Text(
        en="Less was weighed than was sold. It is seen to as was promised below.",
        zh="过磅数量少于已售数量，按下文承诺处理。",
    ),
    S.BALANCE_OPEN: Text(
        en="The price is final; who has paid a deposit pays the rest.",
        zh="价格已确定，请已付定金的买家支付尾款。",
    ),
    S.BALANCE_CLOSED: Text(en="Boxes are being made ready to go out.", zh="正在准备发货。"),
    S.FULFILLING: Text(en="Boxes are packed and sent.", zh="正在装箱发货。"),
    S.COMPLETED: Text(
        en="Every box is delivered or paid back; claims may still come.",
        zh="全部送达或已退款，仍可提出售后。",
    ),
    S.SETTLED: Text(en="All money is where it belongs.", zh="款项已全部结清。"),
    S.CANCELLED: Text(en="Money paid for it, if any, is paid back.", zh="如已付款，款项将全部退还。"),
    S.CLOSED: Text(en="It did not take place, and all money is back.", zh="活动未成行，款项已全部退还。"),
}

PHASES: Final[tuple[tuple[str, Text, frozenset[CampaignState]], ...]] = (
    ("coming", Text(en="Coming", zh="预告"), frozenset({S.SCHEDULED})),
    ("sale", Text(en="Sale", zh="预售"), frozenset({S.DEPOSIT_OPEN, S.PAUSED})),
    ("split", Text(en="Sharing out", zh="分配"), frozenset({S.DEPOSIT_CLOSED, S.ALLOCATING, S.ALLOCATED})),
    ("harvest", Text(en="Harvest", zh="采收"), frozenset({S.HARVESTED, S.SHORTFALL})),
    ("balance", Text(en="Balance", zh="尾款"), frozenset({S.BALANCE_OPEN, S.BALANCE_CLOSED})),
    ("delivery", Text(en="Delivery", zh="配送"), frozenset({S.FULFILLING, S.COMPLETED, S.SETTLED})),
)
"""The way of a campaign that takes place, in the order in which it goes."""

PARTS: Final[dict[str, Text]] = {
    "orchard_minor": Text(en="Orchard", zh="果农"),
    "cold_store_minor": Text(en="Cold store", zh="冷库"),
    "packing_minor": Text(en="Packing", zh="包装"),
    "freight_minor": Text(en="Freight", zh="运费"),
    "commission_minor": Text(en="Platform", zh="平台"),
}
DEPOSITS: Final[dict[DepositType, Text]] = {
    DepositType.EARNEST: Text(en="earnest money", zh="定金"),
    DepositType.ADVANCE: Text(en="advance", zh="订金"),
}
FUNDERS: Final[dict[Funder, Text]] = {
    Funder.PLATFORM: Text(en="the platform", zh="平台"),
    Funder.COUNTY: Text(en="the county", zh="县里"),
    Funder.SPONSOR: Text(en="a sponsor", zh="赞助方"),
}
CUTS: Final[dict[CutRule, Text]] = {
    CutRule.EQUAL_AWARDS: Text(
        en="If boxes must be cut, everybody keeps up to the same number: first boxes are safe, large orders give most.",
        zh="如须削减，每单保留同一上限：首箱优先保障，大单让出最多。",
    ),
    CutRule.PROPORTIONAL: Text(
        en="If boxes must be cut, every order gives the same part of its boxes.",
        zh="如须削减，各订单按同一比例削减。",
    ),
}
WEIGHTS: Final[dict[Weight, Text]] = {
    Weight.HOUSEHOLDS: Text(
        en="A cooperative counts by its member households.", zh="各合作社按社员户数计算。"
    ),
    Weight.MEMBERS: Text(en="A cooperative counts by its members.", zh="各合作社按社员人数计算。"),
    Weight.EQUAL: Text(en="Every cooperative counts the same.", zh="各合作社同等计算。"),
}
LEVELS: Final[dict[Weight, Text]] = {
    Weight.HOUSEHOLDS: Text(en="per household", zh="每户"),
    Weight.MEMBERS: Text(en="per member", zh="每人"),
    Weight.EQUAL: Text(en="per cooperative", zh="每社"),
}
SILENCES: Final[dict[Silence, Text]] = {
    Silence.DECLINES: Text(
        en="A cooperative has {hours} hours to say yes to its share; silence is a no.",
        zh="合作社须在 {hours} 小时内确认份额；逾期视为拒绝。",
    ),
    Silence.CONFIRMS: Text(
        en="A cooperative has {hours} hours to refuse its share; silence is a yes.",
        zh="合作社可在 {hours} 小时内拒绝份额；逾期视为确认。",
    ),
}

WORDS: Final[dict[str, Text]] = {
    "site": Text(en="Virtual Orchard", zh="县域果园市场"),
    "list_title": Text(en="Apples on sale", zh="苹果预售"),
    "list_about": Text(
        en="A county's apples: presold, held, and divided fairly.", zh="县里的苹果：预售、锁定、公平分配。"
    ),
    "skip": Text(en="To the content", zh="跳到正文"),
    "all_campaigns": Text(en="All campaigns", zh="全部活动"),
    "selling": Text(en="On sale now", zh="正在预售"),
    "coming": Text(en="Coming soon", zh="即将开售"),
    "running": Text(en="Sold, on their way to you", zh="已售，进行中"),
    "past": Text(en="Over", zh="已结束"),
    "nothing": Text(en="There is nothing to see yet. Come back soon.", zh="暂无活动，敬请期待。"),
    "older": Text(en="Older campaigns", zh="更早的活动"),
    "newest": Text(en="Back to what is on sale", zh="返回在售活动"),
    "more_there": Text(
        en="Only the first {count} are shown here; ask /v1/campaigns for all.",
        zh="此处仅显示前 {count} 个；全部活动见 /v1/campaigns。",
    ),
    "demo": Text(en="Made-up data: this county is a demonstration.", zh="虚构数据：此县仅供演示。"),
    "opens": Text(en="Opens", zh="开售"),
    "closes": Text(en="Closes", zh="截止"),
    "closed_at": Text(en="The sale ended", zh="预售结束于"),
    "opens_in": Text(en="Opens in", zh="距开售"),
    "closes_in": Text(en="Closes in", zh="距截止"),
    "days": Text(en="d", zh="天"),
    "more_items": Text(en="and {count} more", zh="另有 {count} 项"),
    "down_to": Text(en="down to {price}", zh="最低 {price}"),
    "boxes_of": Text(en="box of {weight}", zh="每箱 {weight}"),
    "sold": Text(en="sold", zh="已售"),
    "boxes": Text(en="{count} boxes", zh="{count} 箱"),
    "boxes_one": Text(en="{count} box", zh="{count} 箱"),
    "goal": Text(en="Goal", zh="目标"),
    "goal_of": Text(en="{done} of {goal}", zh="{done} / {goal}"),
    "goal_reached": Text(en="The goal is reached.", zh="已达到目标。"),
    "goal_open": Text(
        en="If the goal is missed, everybody gets the money back.", zh="若未达到目标，款项将全部退还。"
    ),
    "no_goal": Text(en="It takes place however few boxes are sold.", zh="无起订目标，售出即成行。"),
    "progress": Text(en="How far it is", zh="进度"),
    "as_of": Text(en="As of when this page was loaded.", zh="截至本页加载时。"),
    "refresh": Text(en="Refresh", zh="刷新"),
    "live": Text(en="Live", zh="实时更新"),
    "polling": Text(en="Updated every few seconds", zh="每隔几秒更新"),
    "polling_slowly": Text(en="Updated every half minute", zh="每半分钟更新"),
    "waiting": Text(en="Waiting for news", zh="等待更新"),
    "items": Text(en="What is sold", zh="在售商品"),
    "grade": Text(en="grade {grade}", zh="{grade} 级"),
    "size": Text(en="size {size}", zh="规格 {size}"),
    "price_shown": Text(en="Price shown", zh="标价"),
    "price_reached": Text(en="Price reached", zh="当前阶梯价"),
    "price_final": Text(en="Final price", zh="最终价"),
    "now": Text(en="Now", zh="现付"),
    "later": Text(en="Later", zh="后付"),
    "at_most": Text(en="at most {price}", zh="最多 {price}"),
    "nothing_later": Text(en="nothing", zh="无"),
    "as_sold_now": Text(en="{price} at the step reached", zh="按当前阶梯 {price}"),
    "deposit_bonus": Text(
        en="The deposit counts as {worth}; {funder} pays the difference.",
        zh="定金抵 {worth}，差额由{funder}承担。",
    ),
    "free_hours": Text(
        en="For {hours} hours after paying you may withdraw and get all of it back.",
        zh="付款后 {hours} 小时内可撤回并全额退还。",
    ),
    "advance_free": Text(
        en="You may withdraw and get it back until the goal is reached and the sale is over.",
        zh="活动结束并达到目标之前可随时撤回并退还。",
    ),
    "difference_back": Text(
        en="Nobody pays more than the price shown; who paid more than the final price gets the difference back.",
        zh="绝不高于下单时的标价；已全额付款者可获退差价。",
    ),
    "left": Text(en="left", zh="剩余"),
    "per_buyer": Text(en="at most {count} boxes a person", zh="每人限 {count} 箱"),
    "per_buyer_one": Text(en="one box a person", zh="每人限 {count} 箱"),
    "keeps": Text(en="keeps for {days} days after delivery at least", zh="送达后至少可存放 {days} 天"),
    "per_household": Text(en="{count} a household", zh="每户限 {count} 箱"),
    "promotions": Text(
        en="Something is taken off for everybody; the app shows the price with it.",
        zh="另有全员优惠，价格以 App 显示为准。",
    ),
    "ladder": Text(en="The more is sold, the less everybody pays", zh="卖得越多，人人越便宜"),
    "ladder_picture": Text(
        en="Price by boxes sold: {first} down to {last}; {sold} boxes sold, the price is {price}.",
        zh="价格随销量：由 {first} 降至 {last}；已售 {sold} 箱，现价 {price}。",
    ),
    "from_boxes": Text(en="from {count} boxes", zh="满 {count} 箱"),
    "from_boxes_one": Text(en="from {count} box", zh="满 {count} 箱"),
    "from_the_start": Text(en="from the start", zh="起始"),
    "reached": Text(en="reached", zh="已达到"),
    "to_go_one": Text(en="{count} box to go", zh="还差 {count} 箱"),
    "to_go": Text(en="{count} boxes to go", zh="还差 {count} 箱"),
    "waterfall": Text(en="Who gets what of a box", zh="每箱的钱去哪儿"),
    "waterfall_of": Text(en="Of {price}, the price of today's step:", zh="按当前阶梯价 {price} 计："),
    "part": Text(en="Part", zh="构成"),
    "amount": Text(en="Amount", zh="金额"),
    "part_of": Text(en="{name}: {amount}, {percent} of the price", zh="{name}：{amount}，占 {percent}"),
    "share_of_price": Text(en="Of the price", zh="占比"),
    "how_it_goes": Text(en="Where it is", zh="活动进展"),
    "why": Text(en="Why", zh="原因"),
    "balance_opens": Text(en="Balance opens", zh="尾款开始"),
    "balance_closes": Text(en="Balance closes", zh="尾款截止"),
    "harvest_until": Text(en="Harvest awaited until", zh="采收截止"),
    "claims": Text(en="Claims", zh="售后"),
    "claims_days_one": Text(en="one day after delivery", zh="送达后 {count} 天内"),
    "claims_days": Text(en="{count} days after delivery", zh="送达后 {count} 天内"),
    "zone": Text(en="Times are those of", zh="时间均为"),
    "pledging": Text(en="Who puts fruit up", zh="供货合作社"),
    "pledging_count": Text(
        en="{count} cooperatives, {households} households", zh="{count} 个合作社，{households} 户"
    ),
    "pledging_count_one": Text(
        en="{count} cooperative, {households} households", zh="{count} 个合作社，{households} 户"
    ),
    "households_one": Text(en="{count} household", zh="{count} 户"),
    "households": Text(en="{count} households", zh="{count} 户"),
    "show_all": Text(en="Show all {count}", zh="显示全部 {count} 个"),
    "split": Text(en="Who sells how many boxes", zh="各合作社售出箱数"),
    "split_about": Text(
        en="Bars are what a cooperative has sold this season {level}: light before, dark with this campaign. The fair"
        " split brings everybody who still has fruit to one line.",
        zh="横条为各社本季{level}销量：浅色为此前，深色为本次。公平分配使仍有果的各社齐平于同一条线。",
    ),
    "cooperative": Text(en="Cooperative", zh="合作社"),
    "level": Text(en="This season, {level}", zh="本季{level}"),
    "level_of": Text(
        en="{name}: {before} before, {after} with this campaign, {level}",
        zh="{name}：此前 {before}，加本次共 {after}，{level}",
    ),
    "boxes_head": Text(en="Boxes", zh="箱数"),
    "fairness": Text(en="What is promised if fruit is short", zh="如果果不够：公平承诺"),
    "promise_neighbours": Text(
        en="First the other cooperatives are asked, who has sold least first; they have {hours} hours.",
        zh="首先按公平顺序邀请其他合作社补货，限 {hours} 小时。",
    ),
    "promise_election": Text(
        en="Then every buyer concerned may choose for {hours} hours what becomes of the order.",
        zh="随后相关买家有 {hours} 小时自行选择处理方式。",
    ),
    "promise_earnest": Text(
        en="Of what was paid for boxes that are cut after a fault, {percent} comes back double.",
        zh="因过错削减的箱数，其已付款的 {percent} 按定金双倍返还。",
    ),
    "promise_seed": Text(
        en="Ties are drawn with a seed that was fixed before the sale; its hash is published here.",
        zh="并列时以开售前已确定的种子抽签，其哈希值公布如下。",
    ),
    "digest": Text(en="Digest of the signed policy", zh="已签署政策的摘要"),
    "seed_hash": Text(en="SHA-256 of the seed", zh="种子的 SHA-256"),
    "seed": Text(en="The seed", zh="种子"),
    "seed_secret": Text(
        en="is told once it has been used, or cannot be any more", zh="使用之后或不再可能使用时公布"
    ),
    "check_it": Text(en="Check it yourself", zh="自行核对"),
    "check_how": Text(
        en="SHA-256 of this text is the digest above; SHA-256 of the seed is its hash.",
        zh="此文本的 SHA-256 即上述摘要；种子的 SHA-256 即其哈希值。",
    ),
    "buy": Text(en="Boxes are held and bought in the app.", zh="请在 App 中锁定和购买。"),
    "subscribe": Text(
        en="Who subscribes in the app is told when it opens.", zh="在 App 中订阅即可获得开售提醒。"
    ),
    "api": Text(en="The same as data", zh="数据接口"),
}
