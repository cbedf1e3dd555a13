"""Where a request comes from, told as a keyed digest of its network: enough to count, too little to find."""

import hmac
import ipaddress
from typing import Final

_PREFIX: Final = {4: 24, 6: 48}
_DIGITS: Final = 32


def network_of(address: str | None, *, secret: str) -> str | None:
    """The digest of the address's network: IPv4 /24, IPv6 /48. None for what is not on the public internet."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if not found.is_global:
        return None
    network = ipaddress.ip_network((found, _PREFIX[found.version]), strict=False)
    return hmac.digest(secret.encode(), f"network:{network}".encode(), "sha256").hex()[:_DIGITS]
