"""The server itself: what it answers to good and to hostile requests, and how it starts and ends."""

import gzip
import logging
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from dranspose.publish.http import Server

BINARY = {"accept": "application/octet-stream"}


class Reducers:
    """One server for many tests, each of which has its own reducer."""

    def __init__(self) -> None:
        self.current: tuple[dict[Any, Any], Any] = ({}, None)

    def published(self) -> tuple[dict[Any, Any], Any]:
        return self.current


@pytest.fixture(scope="module")
def connected() -> Iterator[tuple[Reducers, httpx.Client]]:
    reducers = Reducers()
    with Server(reducers.published) as server, connection(server) as client:
        yield reducers, client


@pytest.fixture
def client(connected: tuple[Reducers, httpx.Client]) -> Callable[..., httpx.Client]:
    """Return a function that publishes a dict and gives an HTTP client to see it."""
    reducers, client = connected

    def publish(published: dict[Any, Any], lock: Any = None) -> httpx.Client:
        reducers.current = (published, lock)
        return client

    return publish


def connection(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers={"accept-encoding": "identity"})


def url_of(client: httpx.Client, path: str) -> str:
    """Follow the links from the root group, and return the URL of a group or dataset."""
    url = f"/groups/{client.get('/').json()['root']}"
    for name in filter(None, path.split("/")):
        link = client.get(f"{url}/links/{urllib.parse.quote(name)}").json()["link"]
        url = f"/{link['collection']}/{link['id']}"
    return url


def test_ids_stand_for_paths(client: Callable[..., httpx.Client]) -> None:
    first = url_of(client({"a": {"x": 1}}), "/a/x")
    results = client({"b": 2, "a": {"x": [1.5]}})
    assert results.get(f"{first}/value").json()["value"] == [1.5]
    assert len({url_of(results, path) for path in ("/", "/a", "/a/x", "/b")}) == 4


def test_a_group_tells_its_links_and_attributes(client: Callable[..., httpx.Client]) -> None:
    results = client({"g": {"b": 1, "a": {}, "no": {1, 2}}, "g_attrs": {"NX_class": "NXdata"}})
    group = url_of(results, "/g")
    described = results.get(group, params={"include_links": 1, "include_attrs": 1}).json()
    assert list(described["links"]) == ["b", "a"]
    assert described["linkCount"] == 2
    assert described["attributes"]["NX_class"]["value"] == "NXdata"
    links = results.get(f"{group}/links").json()["links"]
    assert [(link["title"], link["collection"]) for link in links] == [("b", "datasets"), ("a", "groups")]
    assert [link["id"] for link in links] == [link["id"] for link in described["links"].values()]
    assert [each["name"] for each in results.get(f"{group}/attributes").json()["attributes"]] == ["NX_class"]
    assert results.get(f"{group}/attributes/NX_class").json()["type"]["class"] == "H5T_STRING"


def test_a_value_is_json_for_who_does_not_take_bytes(
    client: Callable[..., httpx.Client], every_kind: dict[str, Any]
) -> None:
    results = client(every_kind)
    assert {name: results.get(f"{url_of(results, name)}/value").json()["value"] for name in JSON} == JSON


JSON = {
    "int": 5,
    "bool": True,
    "text": "grüß",
    "bytes": "abc",
    "complex": [1.0, 2.0],
    "empty": [],
    "texts": ["a", "", "cä"],
    "bools": [True, False],
    "records": [[1, 2.5, "ab", True], [3, float("inf"), "c", False]],
    "subarrays": [[[1, 2]]],
    "none": None,
}


def test_compressed_only_if_accepted_and_worthwhile(client: Callable[..., httpx.Client]) -> None:
    zeros, noise = np.zeros((200, 200), "u4"), np.random.default_rng(0).random(20_000)
    results = client({"zeros": zeros, "noise": noise, "few": np.zeros(10)})

    def body(name: str, encoding: str) -> tuple[str | None, bytes]:
        headers = {**BINARY, "accept-encoding": encoding}
        with results.stream("GET", f"{url_of(results, name)}/value", headers=headers) as answer:
            raw = b"".join(answer.iter_raw())
            assert answer.headers["content-length"] == str(len(raw))
            return answer.headers.get("content-encoding"), raw

    assert body("zeros", "identity") == (None, zeros.tobytes())
    assert body("noise", "deflate, gzip") == (None, noise.tobytes())
    assert body("few", "deflate, gzip") == (None, bytes(80))
    encoding, raw = body("zeros", "deflate, gzip")
    assert encoding == "gzip"
    assert len(raw) < zeros.nbytes / 100
    assert gzip.decompress(raw) == zeros.tobytes()


def test_posted_selections(client: Callable[..., httpx.Client]) -> None:
    image = np.arange(24).reshape(4, 6)
    results = client({"image": image, "ramp": np.arange(9)})
    value = f"{url_of(results, 'image')}/value"

    def post(url: str, body: bytes, **headers: str) -> Any:
        answer = results.post(url, content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]

    points = np.array([[0, 1], [3, 5]], dtype="<u8").tobytes()
    binary = {"content-type": "application/octet-stream"}
    assert post(value, points, **binary) == [1, 23]
    assert post(value, b"", **binary) == []
    assert post(value, b'{"points": [[0, 1], [3, 5]]}') == [1, 23]
    assert post(f"{url_of(results, 'ramp')}/value", b'{"points": [8, 0]}') == [8, 0]
    assert post(value, b'{"select": "[[0,3],2:4]", "nonstrict": 1}') == [[2, 3], [20, 21]]


def test_fields_of_a_table(client: Callable[..., httpx.Client], every_kind: dict[str, Any]) -> None:
    results = client(every_kind)
    answer = results.get(f"{url_of(results, 'records')}/value", params={"fields": "name:count", "select": "[1:2]"})
    assert answer.json()["value"] == [["c", 3]]


UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/groups",
        "/groups/",
        "/groups/x",
        f"/groups/g-{UNKNOWN}",
        f"/datasets/d-{UNKNOWN}/value",
        f"/datasets/d-{UNKNOWN}/attributes",
        "{group}/links/no",
        "{group}/links/x_attrs",
        "{group}/links/bad",
        "{group}/links/%00",
        "{group}/links/..%2F..",
        "{group}/attributes/no",
        "{group}/value",
        "{dataset}/links",
        "{dataset}/attributes/no",
        "{dataset_as_group}",
        "{bad}",
        "{bad}/value",
        "/api/v1/parameters",
        "/api/v1/parameter/x",
        "/groups/" + "g" * 10_000,
    ],
)
def test_what_is_not_there_is_404(path: str, client: Callable[..., httpx.Client]) -> None:
    publish: dict[str, Any] = {"x": [1, 2], "x_attrs": {"a": 1}, "bad": 1}
    results = client(publish)
    urls = {"group": url_of(results, "/"), "dataset": url_of(results, "x"), "bad": url_of(results, "bad")}
    urls["dataset_as_group"] = urls["dataset"].replace("/datasets/", "/groups/")
    publish["bad"] = {1, 2}
    answer = results.get(path.format(**urls))
    assert answer.status_code == 404
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "query",
    [
        "select=",
        "select=x",
        "select=[0:1]",
        "select=[0:9,:]",
        "select=[-1,:]",
        "select=[:,:,:]",
        "select=[0:1:0,:]",
        "select=[0:99999999999999999999,:]",
        "select=[" + "0," * 10_000 + "0]",
        "select=%FF%00",
        "fields=a",
    ],
)
def test_a_bad_selection_is_400(query: str, client: Callable[..., httpx.Client]) -> None:
    results = client({"x": [[1, 2], [3, 4]]})
    answer = results.get(f"{url_of(results, 'x')}/value?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_nothing_is_selected_from_a_scalar(client: Callable[..., httpx.Client]) -> None:
    results = client({"one": 1})
    assert results.get(f"{url_of(results, 'one')}/value?select=[0:1]").status_code == 400
    assert results.post(f"{url_of(results, 'one')}/value", content=b'{"points": [0]}').status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b"1",
        b"null",
        b"[]",
        b"{}",
        b'"points"',
        b'{"select": 1}',
        b'{"select": null}',
        b'{"select": "[5:9,:]"}',
        b'{"points": 1}',
        b'{"points": {}}',
        b'{"points": [[0], [0, 1]]}',
        b'{"points": [[0, 9]]}',
        b'{"points": [[0, -1]]}',
        b'{"points": [[0, 0.5]]}',
        b'{"points": [["a", "b"]]}',
        b'{"points": [[0, 99999999999999999999]]}',
        b'{"points": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_bad_posted_selection_is_400(body: bytes, client: Callable[..., httpx.Client]) -> None:
    results = client({"x": [[1, 2], [3, 4]]})
    answer = results.post(f"{url_of(results, 'x')}/value", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("body", [bytes(8), bytes(17), b"\xff" * 16])
def test_bad_posted_points_are_400(body: bytes, client: Callable[..., httpx.Client]) -> None:
    results = client({"x": [[1, 2], [3, 4]]})
    headers = {"content-type": "application/octet-stream"}
    assert results.post(f"{url_of(results, 'x')}/value", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
@pytest.mark.parametrize(
    "path", ["/", "/about", "/groups", "/datasets", "/groups/x", "/groups/x/links/y", "/datasets/x"]
)
def test_nothing_can_be_written(method: str, path: str, client: Callable[..., httpx.Client]) -> None:
    answer = client({"x": 1}).request(method, path)
    assert answer.status_code == 405
    assert answer.json()["error"]


@pytest.mark.parametrize("told", ["", "x", "null", "....", "1.2.3", "99999999.3", "٣", "00000000." + "9" * 5000])
def test_a_cookie_from_elsewhere_changes_no_value(told: str, client: Callable[..., httpx.Client]) -> None:
    results = client({"x": [1, 2, 3]})
    cookie = {"cookie": f"told={urllib.parse.quote(told)}"}
    answer = results.get(f"{url_of(results, 'x')}/value", headers=cookie)
    assert answer.status_code == (409 if told else 200)


def test_no_other_page_may_read(client: Callable[..., httpx.Client]) -> None:
    answer = client({"x": 1}).get("/", headers={"origin": "http://elsewhere.example"})
    assert not [header for header in answer.headers if header.startswith("access-control")]


class Parameters:
    """Parameters that must be digits."""

    def __init__(self) -> None:
        self.values = {"till_x": b"3"}

    def get(self, name: str) -> bytes:
        return self.values[name]

    def set(self, name: str, data: bytes) -> None:
        if data and not data.isdigit():
            raise ValueError(f"{name} is an int, not {data!r}")
        self.values[name] = data

    def describe(self) -> list[dict[str, Any]]:
        return [{"name": "till_x", "dtype": "int", "default": 2}]


def test_parameters(serve: Callable[..., Server]) -> None:
    parameters = Parameters()
    with connection(serve({}, parameters=parameters)) as client:
        url = "/api/v1/parameter/till_x"
        assert client.get(url).content == b"3"
        answer = client.post(url, content=b"5")
        assert (answer.status_code, answer.json()) == (200, "")
        assert parameters.values == {"till_x": b"5"}
        answer = client.post(url, content=b"a few")
        assert (answer.status_code, answer.json()) == (400, {"error": "till_x is an int, not b'a few'"})
        assert client.get(url).content == b"5"
        assert client.post(url).status_code == 200
        assert client.get(url).content == b""
        assert client.get("/api/v1/parameter/other").status_code == 404
        assert client.get("/api/v1/parameters").json() == parameters.describe()
        assert client.get("/api/v1/status").json() is True


def test_no_other_page_may_set_parameters(serve: Callable[..., Server]) -> None:
    parameters = Parameters()
    server = serve({}, parameters=parameters)
    with connection(server) as client:
        url = "/api/v1/parameter/till_x"
        assert client.post(url, content=b"7", headers={"origin": "http://elsewhere.example"}).status_code == 403
        assert parameters.values == {"till_x": b"3"}
        assert client.post(url, content=b"7", headers={"origin": server.url.rstrip("/")}).status_code == 200


def test_a_port_in_use_is_named(serve: Callable[..., Server]) -> None:
    port = urllib.parse.urlsplit(serve({}).url).port
    with pytest.raises(OSError, match=rf"cannot listen on port {port} of 127\.0\.0\.1: .*in use"):
        Server(lambda: ({}, None), port=port or 0)


def test_it_listens_on_the_loopback_interface(serve: Callable[..., Server]) -> None:
    assert serve({}).url.startswith("http://127.0.0.1:")


def test_it_is_silent(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    with httpx.Client(base_url=serve({"x": 1}).url) as results:
        results.get(f"{url_of(results, 'x')}/value")
        results.get("/nothing")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert capfd.readouterr() == ("", "")


def threads_of_servers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "published results"}


def test_it_closes_under_connected_clients() -> None:
    before = threads_of_servers()
    with Server(lambda: ({"x": 1}, None)) as server, connection(server) as client:
        assert client.get("/api/v1/status").json() is True
        server.close()
        assert threads_of_servers() == before
        with pytest.raises(httpx.TransportError):
            client.get("/api/v1/status")


def test_it_closes_at_once() -> None:
    before = threads_of_servers()
    Server(lambda: ({}, None)).close()
    assert threads_of_servers() == before


class Gate:
    """A lock that tells when the view waits for it, and lets it in when it is opened."""

    def __init__(self) -> None:
        self.waiting, self.open = threading.Event(), threading.Event()

    def __enter__(self) -> None:
        self.waiting.set()
        self.open.wait()

    def __exit__(self, *_: object) -> None:
        pass


def in_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


def test_it_waits_for_the_lock(client: Callable[..., httpx.Client]) -> None:
    gate, publish = Gate(), {"x": 1}
    gate.open.set()
    results = client(publish, gate)
    value = f"{url_of(results, 'x')}/value"
    gate.waiting.clear()
    gate.open.clear()
    thread, answers = in_thread(lambda: results.get(value).json()["value"])
    gate.waiting.wait()
    publish["x"] = 2
    assert results.get("/api/v1/status").json() is True
    gate.open.set()
    thread.join()
    assert answers == [2]


def test_it_closes_under_a_request_that_waits_for_the_lock() -> None:
    gate = Gate()
    before = threads_of_servers()
    server = Server(lambda: ({"x": 1}, gate))

    def ask() -> int:
        with connection(server) as client:
            return client.get(url_of(client, "/")).status_code

    thread, answers = in_thread(ask)
    gate.waiting.wait()
    server.close()
    assert threads_of_servers() == before
    thread.join()
    assert answers == [500]
    gate.open.set()


class Spoiler:
    """A lock that changes what is published as soon as the view lets go of it."""

    spoil: Callable[[], object] | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self.spoil is not None:
            self.spoil()


@pytest.mark.parametrize(
    ("path", "ending", "spoil", "expected"),
    [
        ("array", "/value", lambda publish: publish["array"].fill(-1), [1.0, 1.0]),
        ("texts", "/value", lambda publish: publish["texts"].fill("spoiled"), ["a", "b"]),
        ("list", "/value", lambda publish: publish["list"].clear(), [1, 2]),
        ("array", "/attributes/axis", lambda publish: publish["array_attrs"]["axis"].fill(-1), [0.0]),
        ("group", "/attributes/names", lambda publish: publish["group_attrs"]["names"].append("c"), ["b"]),
    ],
)
def test_an_answer_is_no_live_reference(
    path: str,
    ending: str,
    spoil: Callable[[dict[str, Any]], object],
    expected: list[Any],
    client: Callable[..., httpx.Client],
) -> None:
    lock = Spoiler()
    publish = {
        "array": np.ones(2),
        "array_attrs": {"axis": np.zeros(1)},
        "texts": np.array(["a", "b"], dtype=object),
        "list": [1, 2],
        "group": {},
        "group_attrs": {"names": ["b"]},
    }
    results = client(publish, lock)
    url = url_of(results, path)
    lock.spoil = lambda: spoil(publish)
    assert results.get(url + ending).json()["value"] == expected
    lock.spoil = None
    assert results.get(url + ending).json()["value"] != expected
