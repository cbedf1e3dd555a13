"""What must be true of address books at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="AD1",
        says=Text(en="Who has addresses has one default.", zh="有地址的人恰有一个默认地址。"),
        sql="SELECT account_id FROM address GROUP BY account_id HAVING count(*) FILTER (WHERE is_default) <> 1",
    ),
)
