"""What must be true of address books at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant
from marketplace.resealing import unopened

INVARIANTS: Final = (
    Invariant(
        id="AD1",
        says=Text(en="Who has addresses has one default.", zh="有地址的人恰有一个默认地址。"),
        sql="SELECT account_id FROM address GROUP BY account_id HAVING count(*) FILTER (WHERE is_default) <> 1",
    ),
    Invariant(
        id="AD2",
        says=Text(en="Everything that is sealed opens where it stands.", zh="所有加密内容均可在原处解开。"),
        sql="",
        check=unopened,
    ),
)
