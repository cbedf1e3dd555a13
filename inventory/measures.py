"""What the market counts of holds, for Prometheus: how many are placed, and how many of them nobody pays.

Counted when it is written; what a failed transaction takes back is counted all the same, which is rare.
"""

from typing import Final

from prometheus_client import Counter

from marketplace.metrics import REGISTRY

PLACED: Final = Counter("holds_placed_total", "Holds placed for shoppers, new ones only.", registry=REGISTRY)
EXPIRED: Final = Counter("holds_expired_total", "Holds of pools that lapsed unpaid.", registry=REGISTRY)
REFUSED: Final = Counter(
    "holds_refused_total", "Requests for holds that were refused, by cause.", ("cause",), registry=REGISTRY
)
