"""A web application, served from a thread of its own."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Self

import uvicorn
from starlette.applications import Starlette

CLOSE_SECONDS = 1


class WebServer:
    """Serves an application until ``close``; it is its own context manager.

    Attributes:
        url: where it is, ending in a slash.

    Raises:
        OSError: host and port cannot be listened on; the text names them.
    """

    def __init__(self, application: Starlette, *, host: str, port: int, name: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port), family=family)
        except OSError as error:
            reason = str(error.strerror).partition(" (")[0]
            raise OSError(error.errno, f"cannot listen on port {port} of {host}: {reason}") from None
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # for the connections: asyncio leaves it out
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/"
        config = uvicorn.Config(
            application,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=CLOSE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name=name, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and drop the connections, after a second also those of requests that wait for a lock."""
        self._server.should_exit = True
        self._thread.join(2 * CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
