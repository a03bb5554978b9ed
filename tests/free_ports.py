"""Ports that somebody will listen at later, when it is known who connects to them."""

import random
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10_240  # 10000 is that of Tango


def free_ports(count: int) -> list[int]:
    """Return TCP ports that nobody listens at, none of which the system gives to who asks for any in the meantime."""
    ports: list[int] = []
    candidates = list(range(LOWEST, int(EPHEMERAL.read_text().split()[0])))
    random.shuffle(candidates)
    with ExitStack() as stack:
        while len(ports) < count:
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port := candidates.pop())))
                ports.append(port)
    return ports


def free_url() -> str:
    """Return a URL that nobody is bound to, for a detector: it is known before the detector is there."""
    (port,) = free_ports(1)
    return f"tcp://127.0.0.1:{port}"
