"""What must be true of the catalogue at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="K1",
        says=Text(en="Every GTIN ends in its check digit.", zh="每个 GTIN 的校验码正确。"),
        sql="""
            SELECT p.id, p.gtin FROM pack p
            CROSS JOIN LATERAL (
                SELECT sum(substr(p.gtin, i, 1)::int * CASE WHEN i % 2 = 1 THEN 3 ELSE 1 END) AS weighted
                FROM generate_series(1, 13) i
            ) digits
            WHERE p.gtin IS NOT NULL AND (10 - digits.weighted % 10) % 10 <> right(p.gtin, 1)::int
        """,
    ),
    Invariant(
        id="K2",
        says=Text(en="Every GLN ends in its check digit.", zh="每个 GLN 的校验码正确。"),
        sql="""
            SELECT c.id, c.gln FROM cooperative c
            CROSS JOIN LATERAL (
                SELECT sum(substr(c.gln, i, 1)::int * CASE WHEN i % 2 = 0 THEN 3 ELSE 1 END) AS weighted
                FROM generate_series(1, 12) i
            ) digits
            WHERE c.gln IS NOT NULL AND (10 - digits.weighted % 10) % 10 <> right(c.gln, 1)::int
        """,
    ),
    Invariant(
        id="K3",
        says=Text(en="Every pack is a pack of a product.", zh="每个包装都属于一个产品。"),
        sql="SELECT k.id FROM pack k LEFT JOIN product p ON p.id = k.product_id WHERE p.id IS NULL",
    ),
)
