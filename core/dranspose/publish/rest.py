"""A published dict as the part of the HDF REST API that h5pyd and silx read.

Each request copies what it asks for, under the reducer's lock if it has one, and answers with the copy. Without a lock
too the dict may change at any time, and values in it be replaced; only an array that is changed in place may then be
copied in the middle of the change.
"""

import json
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dranspose.publish.hdf5_json import (
    ChangedError,
    Json,
    as_told,
    description,
    imprint,
    to_json,
    value_bytes,
    value_json,
)
from dranspose.publish.selection import SelectionError, fields, hyperslab, points
from dranspose.publish.tree import Node, Omissions, root
from dranspose.publish.values import Array

Published: TypeAlias = Callable[[], tuple[Mapping[Any, Any], AbstractContextManager[Any] | None]]
"""Gives the dict that the present reducer publishes, and the lock to hold while it is read, if there is one."""

BINARY = "application/octet-stream"

TOLD = "told"
"""Cookie with the imprint of a dataset: its value is then given as it was described, though it may have grown since."""

LISTED = "listed"
"""Cookie with the imprint that a dataset had when its NXdata group was listed: it is described as it was then, once.

What is plotted over each other has one length so, though it grows between the requests for it.
"""

MAX_LISTED = 50
"""Clients take at most 100 headers, one for each cookie."""

MIN_COMPRESSED_BYTES = 1000

SAMPLE_BYTES = 1 << 16

WORTHWHILE_RATIO = 0.7
"""A body is compressed if a sample of it shrinks to this part of its size or less."""


def _id(node: Node) -> str:
    return f"{'g' if node.is_group else 'd'}-{uuid.uuid5(uuid.NAMESPACE_URL, node.path)}"


ROOT_ID = _id(root({}, Omissions()))


class TreeRoutes:
    """The routes of the HDF REST API on what a reducer publishes."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self._omissions = Omissions()
        self._created = time.time()
        self._paths: dict[str, str] = {}  # by id, of all groups and datasets at some time in the past

    def routes(self) -> list[Route]:
        """Give the routes; the ids in them stand for paths, the same for ever."""
        descriptions = {
            "/groups/{id}/links": self._links,
            "/groups/{id}/links/{name}": self._link,
            "/groups/{id}/attributes": self._attributes,
            "/groups/{id}/attributes/{name:path}": self._attribute,
            "/datasets/{id}/attributes": self._attributes,
            "/datasets/{id}/attributes/{name:path}": self._attribute,
        }
        return [
            Route("/", self._domain),
            *(Route(path, self._endpoint(describe)) for path, describe in descriptions.items()),
            Route("/groups/{id}", self._group),
            Route("/datasets/{id}", self._dataset),
            Route("/datasets/{id}/value", self._get_value),
            Route("/datasets/{id}/value", self._post_value, methods=["POST"]),
        ]

    def _endpoint(self, describe: Callable[[Node, Request], Json]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            with self._node(request) as node:
                content = describe(node, request)
            return json_response(request, content)

        return endpoint

    @contextmanager
    def _node(self, request: Request) -> Iterator[Node]:
        """Hold the lock and give the group or dataset whose id is in the URL."""
        node_id = request.path_params["id"]
        publish, lock = self._published()
        with nullcontext() if lock is None else lock:
            node = self._find(root(publish, self._omissions), node_id)
            if node is None or not request.url.path.startswith(f"/{_collection(node)}/"):
                raise HTTPException(404, f"there is nothing with the id {node_id!r}")
            yield node

    def _find(self, tree: Node, node_id: str) -> Node | None:
        if node_id not in self._paths:
            self._paths = {_id(node): node.path for node in tree.walk()}
        try:
            node = tree.descendant(self._paths[node_id])
        except KeyError:
            return None
        return node if _id(node) == node_id else None

    def _domain(self, request: Request) -> Response:
        return json_response(request, {"root": ROOT_ID, "owner": "", "class": "domain", **self._times()})

    def _times(self) -> Json:
        return {"created": self._created, "lastModified": time.time(), "hrefs": []}

    def _object(self, node: Node) -> Json:
        attributes = self._described_attributes(node)
        return {
            "id": _id(node),
            "root": ROOT_ID,
            "domain": "/",
            "attributeCount": len(attributes),
            "attributes": attributes,
            **self._times(),
        }

    def _group(self, request: Request) -> Response:
        with self._node(request) as node:
            children = node.children()
            links = {name: self._link_to(child) for name, child in children.items()}
            content = {**self._object(node), "linkCount": len(links), "links": links}
            listed = _imprints(children.values()) if node.raw_attributes.get("NX_class") == "NXdata" else {}
        response = json_response(request, content)
        for dataset, listed_as in listed.items():
            response.set_cookie(LISTED, listed_as, path=f"/datasets/{dataset}", httponly=True, samesite="strict")
        return response

    def _links(self, node: Node, _: Request) -> Json:
        return {"links": [self._link_to(child) for child in node.children().values()], "hrefs": []}

    def _link(self, node: Node, request: Request) -> Json:
        name = request.path_params["name"]
        child = next((entry for entry in node.entries() if entry.name == name), None)
        if child is None:
            raise HTTPException(404, f"{node.path} has no {name!r}")
        if not child.is_group:
            child.array()
        return {"link": self._link_to(child), **self._times()}

    def _link_to(self, node: Node) -> Json:
        return {
            "class": "H5L_TYPE_HARD",
            "collection": _collection(node),
            "id": _id(node),
            "title": node.name,
            "created": self._created,
        }

    def _attributes(self, node: Node, _: Request) -> Json:
        return {"attributes": list(self._described_attributes(node).values()), "hrefs": []}

    def _attribute(self, node: Node, request: Request) -> Json:
        name = request.path_params["name"]
        attributes = self._described_attributes(node)
        if name not in attributes:
            raise HTTPException(404, f"{node.path} has no attribute {name!r}")
        return {**attributes[name], **self._times()}

    def _described_attributes(self, node: Node) -> dict[str, Json]:
        return {
            name: {"name": name, **description(array), "value": value_json(array), "created": self._created}
            for name, array in node.attributes().items()
        }

    def _dataset(self, request: Request) -> Response:
        with self._node(request) as node:
            array = node.array()
            listed = request.cookies.get(LISTED)
            if array is not None and listed:
                with suppress(ChangedError):
                    array = as_told(array, listed)
            content = {**self._object(node), **description(array), "creationProperties": {}}
        response = json_response(request, content)
        if listed:
            response.delete_cookie(LISTED, path=request.url.path)
        if array is not None:
            response.set_cookie(
                TOLD, imprint(array), path=f"{request.url.path}/value", httponly=True, samesite="strict"
            )
        return response

    def _get_value(self, request: Request) -> Response:
        select = request.query_params.get("select")
        return self._value(request, lambda array: array if select is None else hyperslab(array, select))

    async def _post_value(self, request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(self._value, request, _posted_selection(request, body))

    def _value(self, request: Request, select: Callable[[Array], Array]) -> Response:
        with self._node(request) as node:
            array = node.array()
            if array is None:
                return json_response(request, {"value": None})
            if told := request.cookies.get(TOLD):
                array = as_told(array, told)
            selected = select(array)
            if names := request.query_params.get("fields"):
                selected = fields(selected, names.split(":"))
            copy = np.array(selected)
        if BINARY in request.headers.get("accept", "") and (body := value_bytes(copy)) is not None:
            return _response(request, body, BINARY)
        return json_response(request, {"value": value_json(copy)})


def _imprints(nodes: Iterable[Node]) -> dict[str, str]:
    arrays = ((_id(node), node.array()) for node in nodes if not node.is_group)
    return {node_id: imprint(array) for node_id, array in islice(arrays, MAX_LISTED) if array is not None}


def json_response(request: Request, content: Any) -> Response:
    """Answer with JSON."""
    return _response(request, to_json(content), "application/json")


def _response(request: Request, body: bytes | memoryview, media_type: str) -> Response:
    headers = {"cache-control": "no-store"}
    if "gzip" in request.headers.get("accept-encoding", "") and _is_compressible(body):
        body = zlib.compress(body, level=1, wbits=31)
        headers["content-encoding"] = "gzip"
    return Response(body, headers=headers, media_type=media_type)


def _is_compressible(body: bytes | memoryview) -> bool:
    sample = body[:SAMPLE_BYTES]
    return len(body) >= MIN_COMPRESSED_BYTES and len(zlib.compress(sample, level=1)) <= WORTHWHILE_RATIO * len(sample)


def _posted_selection(request: Request, body: bytes) -> Callable[[Array], Array]:
    if request.headers.get("content-type", "").startswith(BINARY):
        return lambda array: points(array, _binary_points(body, array.ndim))
    try:
        content = json.loads(body)
        if "points" in content:
            coordinates = np.asarray(content["points"])
            return lambda array: points(array, coordinates[:, np.newaxis] if coordinates.ndim == 1 else coordinates)
        select = str(content["select"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SelectionError('the body of a POST is JSON with "select" or "points", or the points as uint64') from error
    return lambda array: hyperslab(array, select)


def _binary_points(body: bytes, rank: int) -> Array:
    if not rank or len(body) % (8 * rank):
        raise SelectionError(f"{len(body)} bytes are no points of {rank} uint64 each")
    return np.frombuffer(body, dtype="<u8").reshape(-1, rank)


def _collection(node: Node) -> str:
    return "groups" if node.is_group else "datasets"
