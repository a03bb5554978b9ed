"""The web server for a reducer's published results and for the parameters of the analysis."""

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dranspose.publish.hdf5_json import ChangedError, Json, to_json
from dranspose.publish.rest import Published, TreeRoutes, json_response
from dranspose.publish.selection import SelectionError
from dranspose.publish.values import UnpublishableError

CLOSE_SECONDS = 1


class Parameters(Protocol):
    """The parameters of an analysis by name, as the bytes in which they are transported."""

    def get(self, name: str) -> bytes:
        """Give the value; raises KeyError if there is no such parameter."""

    def set(self, name: str, data: bytes) -> None:
        """Change the value; raises ValueError with the reason if the parameter's type refuses it."""

    def describe(self) -> list[Json]:
        """Describe each parameter in what JSON can hold, in the order of names."""


def application(published: Published, parameters: Parameters | None = None) -> Starlette:
    """Make the ASGI application: results for h5pyd and silx, ``/api/v1/status``, and parameters if there are any."""
    routes = [
        *TreeRoutes(published).routes(),
        Route("/about", lambda request: json_response(request, {"name": "dranspose", "state": "READY"})),
        Route("/api/v1/status", lambda request: json_response(request, True)),
        *([] if parameters is None else _parameter_routes(parameters)),
        Route("/{path:path}", _nothing),  # whatever else is written to is then a 405
    ]
    refusals = {
        HTTPException: lambda error: (error.status_code, error.detail),
        SelectionError: lambda error: (400, str(error)),
        UnpublishableError: lambda error: (404, str(error)),
        ChangedError: lambda error: (409, str(error)),
    }
    return Starlette(routes=routes, exception_handlers={kind: _refusing(why) for kind, why in refusals.items()})


def _refusing(why: Callable[[Any], tuple[int, str]]) -> Callable[[Request, Exception], Response]:
    def refuse(_: Request, error: Exception) -> Response:
        status, text = why(error)
        return Response(to_json({"error": text}), status, media_type="application/json")

    return refuse


def _nothing(request: Request) -> Response:
    raise HTTPException(404, f"there is nothing at {request.url.path}")


def _parameter_routes(parameters: Parameters) -> list[Route]:
    def get(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            return Response(parameters.get(name), media_type="application/x.bytes")
        except KeyError as error:
            raise HTTPException(404, f"there is no parameter {name!r}") from error

    async def post(request: Request) -> Response:
        _refuse_other_sites(request)
        data = await request.body()
        try:
            await run_in_threadpool(parameters.set, request.path_params["name"], data)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        return json_response(request, "")

    path = "/api/v1/parameter/{name}"
    return [
        Route(path, get),
        Route(path, post, methods=["POST"]),
        Route("/api/v1/parameters", lambda request: json_response(request, parameters.describe())),
    ]


def _refuse_other_sites(request: Request) -> None:
    # a browser sends any page's POST to a loopback address, and tells only here whose it is
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, f"a page of {origin} may not set parameters")


class Server:
    """Serves published results, and parameters if given, from a thread of its own until ``close``.

    There is no authentication, so it listens on the loopback interface unless another ``host`` is given. ``port`` 0
    takes a free one. It is its own context manager.

    Raises:
        OSError: host and port cannot be listened on; the text names them.

    """

    def __init__(
        self,
        published: Published,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        parameters: Parameters | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # for the connections: asyncio leaves it out
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/"
        config = uvicorn.Config(
            application(published, parameters),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=CLOSE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="published results", daemon=True
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
