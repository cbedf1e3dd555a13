"""Free TCP ports of this machine."""

import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
NEIGHBOURS: Final = 50


def free_port(preferred: int, host: str = LOOPBACK) -> tuple[int, bool]:
    """(a port that can be bound now, whether `preferred` was taken).

    Tries `preferred`, then the next 50, then lets the system choose. Another program may still be faster,
    so whoever binds it must be ready to ask again.
    """
    for port in range(preferred, min(preferred + NEIGHBOURS, 65_535) + 1):
        if _can_bind(host, port):
            return port, port != preferred
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1]), True


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True
