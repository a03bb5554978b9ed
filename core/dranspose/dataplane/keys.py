"""Keys of an ensemble: with them its sockets speak only to those that hold one too, and nobody else can read along.

Results travel as pickles, so whoever can send to a reducer can run code there. The protocol is CurveZMQ (RFC 26), the
files are those of ``zmq.auth``. All nodes of an ensemble have the same key pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

NAME = "ensemble"


class KeyFolderError(Exception):
    """A folder holds no usable keys; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A key pair, and the folder that it is in."""

    folder: Path
    public: bytes
    secret: bytes


def make_keys(folder: Path) -> None:
    """Write new keys into a folder, which only its owner may then read.

    Raises:
        FileExistsError: there are keys in it.
        OSError: they cannot be written.
    """
    if _secret_file(folder).exists():
        raise FileExistsError(f"{folder} has keys already: remove them first if they are to be replaced")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    zmq.auth.create_certificates(folder, NAME)
    _secret_file(folder).chmod(0o600)


def read_keys(folder: Path) -> Keys:
    """Return the keys in a folder.

    Raises:
        KeyFolderError: it has none, or others can read them.
    """
    file = _secret_file(folder)
    try:
        others = file.stat().st_mode & 0o077
        public, secret = zmq.auth.load_certificate(file)
    except (OSError, ValueError) as error:
        raise KeyFolderError(f"there are no keys in {folder} ({error}): make them with `dranspose keys`") from None
    if secret is None:
        raise KeyFolderError(f"{file} holds no secret key: make new ones with `dranspose keys`")
    if others:
        raise KeyFolderError(f"{file} can be read by others: take their rights away (chmod 600), or make new keys")
    return Keys(folder, public, secret)


def _secret_file(folder: Path) -> Path:
    return folder / f"{NAME}.key_secret"


class KeyedContext(zmq.Context[Any]):
    """A context whose sockets can be locked: locked ones speak only to those that have the same keys."""

    _keys: Keys
    _authenticator: ThreadAuthenticator

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._keys = keys
        self._authenticator = ThreadAuthenticator(self)
        self._authenticator.start()
        self._authenticator.configure_curve(domain="*", location=keys.folder)

    def lock(self, socket: zmq.Socket[bytes], *, binds: bool) -> None:
        """Have a socket ask for the keys before it is bound, or show them before it connects."""
        socket.curve_publickey, socket.curve_secretkey = self._keys.public, self._keys.secret
        if binds:
            socket.curve_server = True
        else:
            socket.curve_serverkey = self._keys.public

    def destroy(self, linger: int | None = None) -> None:
        """Close all sockets, and the context."""
        self._authenticator.stop()
        super().destroy(linger)


def new_context(keys: Keys | None) -> zmq.Context[Any]:
    """Return a context for the sockets of a node: with keys, they are locked."""
    return zmq.Context() if keys is None else KeyedContext(keys)
