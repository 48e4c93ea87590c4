"""Free ports, below the range the kernel hands to outgoing connections, so that a stopped server finds its port free again."""

import random
import socket

_FIRST, _LAST = 20_000, 32_000
_given: set[int] = set()


def free_port() -> int:
    """A TCP port of 127.0.0.1 nobody listens on; never the same one twice in this process."""
    for port in random.sample(range(_FIRST, _LAST), k=500):
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port between {_FIRST} and {_LAST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
