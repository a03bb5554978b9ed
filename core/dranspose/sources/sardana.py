"""The records of Sardana scans as a source: posted to it over HTTP, or pushed by the process that it is in."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import zmq
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dranspose.data.message import MalformedFrameError
from dranspose.data.sardana import HTTP_PATHS
from dranspose.event import StreamData
from dranspose.middlewares.json_frame import MAX_BYTES, json_object
from dranspose.middlewares.sardana import TYPE, parse
from dranspose.protocol import StreamName
from dranspose.sources.mailbox import Mailbox, MailboxError
from dranspose.sources.packet import Packet, PacketKind, Skipped
from dranspose.sources.skips import Skips
from dranspose.sources.source import SourceError
from dranspose.web_server import WebServer

KINDS = {"DataDescription": PacketKind.START, "RecordData": PacketKind.FRAME, "RecordEnd": PacketKind.END}
PATH_OF_OTHERS = "/v1/custom_data"


class SardanaSource:
    """The records of one Sardana, in JSON: ``DataDescription``, ``RecordData`` for each point, and ``RecordEnd``.

    Args:
        stream: the name that the stream has in trigger maps.
        urls: where to listen for HTTP while the source is open, such as ``http://127.0.0.1:5050``; none to only `push`.

    Attributes:
        listens_at: the URL, with the port that was taken for port 0; None while nothing listens.
    """

    connections = 1
    several_series = False
    unanswered = ()

    def __init__(self, stream: StreamName, urls: Sequence[str]) -> None:
        if len(urls) > 1:
            raise ValueError(f"stream {stream!r}: Sardana records come to one URL, not {', '.join(urls)}")
        self.streams = (stream,)
        self.listens_at: str | None = None
        self._stream = stream
        self._url = urls[0] if urls else None
        self._records: Mailbox[bytes] = Mailbox()
        self._server: WebServer | None = None
        self._skips = Skips(stream, self._url or "this process")

    @property
    def sockets(self) -> list[socket.socket]:
        """What to poll; see `Source.sockets`."""
        return self._records.readable

    @property
    def skipped(self) -> int:
        """How many records were skipped since the source was opened."""
        return self._skips.count

    def open(self, context: zmq.Context[Any]) -> None:
        """Listen; see `Source.open`."""
        self._skips = Skips(self._stream, self._url or "this process")
        self._next_number = 0
        self._records.open()
        if self._url is not None:
            try:
                self._server = _serve(self, self._url)
            except (OSError, ValueError, OverflowError) as error:
                self.close()
                raise SourceError(f"stream {self._stream!r}: cannot listen at {self._url!r}: {error}") from None
            self.listens_at = self._server.url

    def close(self) -> None:
        """Stop listening; see `Source.close`."""
        if self._server is not None:
            self._server.close()
        self._server = self.listens_at = None
        self._records.close()

    def push(self, record: bytes) -> None:
        """Take a record, in JSON; from any thread.

        Raises:
            SourceError: the source is closed, as no scan takes the stream, or more records wait than it holds.
            MalformedFrameError: it lacks what `parse` needs; it is taken, for `read` to tell what it is good for.
        """
        try:
            self._records.put(record, len(record))
        except MailboxError as error:
            raise SourceError(f"stream {self._stream!r}: no record can be taken: {error}") from None
        parse(StreamData(TYPE, [record]))

    def read(self, readable: socket.socket, limit: int) -> list[Packet | Skipped]:
        """Return what was pushed; see `Source.read`."""
        read: list[Packet | Skipped] = []
        for record in self._records.take(limit):
            try:
                read.append(self._packet(record))
            except MalformedFrameError as error:
                read.append(self._skips.skip(str(error), record))
        return read

    def _packet(self, record: bytes) -> Packet:
        fields = json_object(record)
        kind = KINDS.get(str(fields.get("type")))
        if kind is None:
            raise MalformedFrameError(f"it has no type of {', '.join(KINDS)}")
        number = 0 if kind is PacketKind.START else self._next_number
        point = fields.get("point_nb")
        if kind is PacketKind.FRAME and type(point) is int and point >= 0:
            number = point + 1
        self._next_number = number + 1
        return Packet(self._stream, kind, number, StreamData(TYPE, [record]))


def _serve(source: SardanaSource, url: str) -> WebServer:
    async def take(request: Request) -> Response:
        if "origin" in request.headers:  # a browser sends any page's POST to a loopback address
            return PlainTextResponse("web pages may not send records", 403)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                return PlainTextResponse(f"a record has at most {MAX_BYTES} bytes", 413)
        record = bytes(body)
        try:
            source.push(record)
        except SourceError as error:
            return PlainTextResponse(str(error), 503)
        except MalformedFrameError as error:
            return PlainTextResponse(str(error), 400)
        return PlainTextResponse("")

    async def ignore(request: Request) -> Response:
        return PlainTextResponse("")

    routes = [Route(path, take, methods=["POST"]) for path in HTTP_PATHS.values()]
    application = Starlette(routes=[*routes, Route(PATH_OF_OTHERS, ignore, methods=["POST"])])
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.port is None:
        raise ValueError("it is not http://HOST:PORT")
    return WebServer(application, host=parts.hostname, port=parts.port, name="Sardana records")
