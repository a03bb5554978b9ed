"""Another host on this machine: a network namespace, with a cable to it that can be pulled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

NETWORK = IPv4Network("198.18.0.0/15")  # for tests of networks (RFC 2544): nobody is there


class NoSecondHostError(Exception):
    """Network namespaces cannot be made here; says why."""


@dataclass(frozen=True, slots=True)
class SecondHost:
    """A host at the end of a cable.

    Attributes:
        name: of its network namespace.
        cable: our end of it.
        here, there: the addresses of the two ends.
    """

    name: str
    cable: str
    here: str
    there: str

    def command(self, *command: str) -> Sequence[str]:
        """Return a command that runs another one on the host."""
        return ("ip", "netns", "exec", self.name, *command)

    def cut_off(self) -> None:
        """Pull the cable: nothing passes, and nobody is told."""
        _ip("link", "set", self.cable, "down")

    def connect(self) -> None:
        """Plug the cable in again."""
        _ip("link", "set", self.cable, "up")


@contextmanager
def second_host() -> Iterator[SecondHost]:
    """Make a host, and remove it in the end; raises NoSecondHostError."""
    name = f"host{os.getpid()}"
    cable, far_end = f"{name}a", f"{name}b"
    here, there = (str(NETWORK[4 * (os.getpid() % 2**15) + end]) for end in (1, 2))
    _ip("netns", "add", name)
    try:
        _ip("link", "add", cable, "type", "veth", "peer", "name", far_end, "netns", name)
        _ip("address", "add", f"{here}/30", "dev", cable)
        _ip("-netns", name, "address", "add", f"{there}/30", "dev", far_end)
        _ip("-netns", name, "link", "set", "lo", "up")
        _ip("-netns", name, "link", "set", far_end, "up")
        _ip("link", "set", cable, "up")
        yield SecondHost(name, cable, here, there)
    finally:
        _ip("netns", "delete", name)  # and the cable with it


def _ip(*arguments: str) -> None:
    try:
        subprocess.run(("ip", *arguments), check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise NoSecondHostError("there is no command ip (Debian: iproute2)") from None
    except subprocess.CalledProcessError as error:
        raise NoSecondHostError(f"ip {' '.join(arguments)}: {error.stderr.strip()}") from None
