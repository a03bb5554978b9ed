"""The web server for a reducer's published results and for the parameters of the analysis."""

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

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
from dranspose.web_server import WebServer


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


class Server(WebServer):
    """Serves published results, and parameters if given, from a thread of its own until ``close``.

    There is no authentication, so it listens on the loopback interface unless another ``host`` is given. ``port`` 0
    takes a free one.

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
        super().__init__(application(published, parameters), host=host, port=port, name="published results")
