"""The controller among nodes that say what the test wants."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import zmq
from tests.core.dataplane.peers import PATIENCE, context

from dranspose.dataplane.controller import Controller, Phase, Refused
from dranspose.dataplane.messages import (
    NO_SCAN,
    Arm,
    Disarm,
    Failure,
    IngesterHello,
    Message,
    Parameters,
    Peers,
    Ping,
    Ready,
    ReducerHello,
    TickInterval,
    Welcome,
    WorkerGone,
    WorkerHello,
    decode,
    encode,
)
from dranspose.dataplane.sockets import connected
from dranspose.dataplane.statistics import TimeShares, WorkerCounts, WorkerStatistics
from dranspose.parameters import FloatParameter, IntParameter, ParameterError, ParameterStore, merge_descriptions
from dranspose.protocol import ParameterName
from dranspose.scheduling.instructions import Fence, FinishReducer, FinishWorkers, Proceed
from dranspose.scheduling.stimuli import Finished, Missing, Outcome, ReducerFinished, Started, WorkerFinished
from dranspose.triggermap import TriggerMap, TriggerMapError

SECONDS = PATIENCE / 1000
TILL_X = IntParameter(name="till_x", default=2)
MAP = TriggerMap.from_json({"uniform": {"streams": ["xrd"], "events": 3}})


kept: list["Node"] = []  # a socket that nobody holds is closed


class Node:
    """A node of the test's own."""

    def __init__(self, made: zmq.Context[Any], controller: Controller, identity: str, hello: Message) -> None:
        self.identity = identity
        self.socket = connected(made, controller.url, identity)
        self.socket.setsockopt(zmq.RCVTIMEO, PATIENCE)
        self.say(hello)
        kept.append(self)

    def say(self, message: Message, scan: bytes = NO_SCAN) -> None:
        self.socket.send(encode(message, scan))

    def hear(self, *kinds: type) -> tuple[bytes, Any]:
        """Return the next message of one of these kinds, with its scan."""
        while True:
            scan, message = decode(self.socket.recv())
            if isinstance(message, kinds):
                return scan, message


@pytest.fixture
def controller() -> Iterator[Controller]:
    running = Controller()
    thread = threading.Thread(target=running.run)
    thread.start()
    yield running
    running.stop()
    thread.join()


@pytest.fixture
def made() -> Iterator[zmq.Context[Any]]:
    with context() as a_context:
        yield a_context
    kept.clear()


def ingester(made: zmq.Context[Any], controller: Controller) -> Node:
    return Node(made, controller, "ingester:1", IngesterHello("ingester", ("tcp://ingester",), ("xrd",)))


def worker(made: zmq.Context[Any], controller: Controller, identity: str = "worker:1") -> Node:
    return Node(made, controller, identity, WorkerHello(identity.split(":")[0], ("generic",), False, (TILL_X,)))


def reducer(made: zmq.Context[Any], controller: Controller) -> Node:
    return Node(made, controller, "reducer:1", ReducerHello("reducer", ("tcp://reducer",)))


@pytest.fixture
def nodes(made: zmq.Context[Any], controller: Controller) -> tuple[Node, Node, Node]:
    """Return an ingester, a worker and a reducer that the controller knows."""
    there = ingester(made, controller), worker(made, controller), reducer(made, controller)
    controller.wait_until(lambda s: bool(s.ingesters and s.workers and s.reducers), SECONDS)
    return there


def begun(controller: Controller, nodes: tuple[Node, ...]) -> bytes:
    """Return the scan that these nodes were armed for, and that runs."""
    scan = controller.arm(MAP)
    for node in nodes:
        assert node.hear(Arm)[0] == scan
        node.say(Ready(), scan)
    controller.wait_until(lambda s: s.phase is Phase.RUNNING, SECONDS)
    return scan


def test_workers_are_told_where_the_others_are(made: zmq.Context[Any], controller: Controller) -> None:
    first = worker(made, controller)
    assert first.hear(Peers)[1] == Peers({}, {})
    ingester(made, controller)
    assert first.hear(Peers)[1] == Peers({"ingester:1": ("tcp://ingester",)}, {})
    reducer(made, controller)
    assert first.hear(Peers)[1] == Peers({"ingester:1": ("tcp://ingester",)}, {"reducer:1": ("tcp://reducer",)})


def test_a_scan_from_arming_to_its_report(controller: Controller, nodes: tuple[Node, Node, Node]) -> None:
    scan = controller.arm(MAP)
    assert controller.wait_until(lambda s: s.phase is Phase.ARMING, SECONDS).scan == scan
    for node in nodes:
        assert node.hear(Arm)[0] == scan
        node.say(Ready(), scan)
    controller.wait_until(lambda s: s.phase is Phase.RUNNING, SECONDS)
    _, the_worker, the_reducer = nodes
    the_worker.say(Finished(the_worker.identity, ((0, 3),), Outcome.NONE, 0.1), scan)
    controller.wait_until(lambda s: s.report is not None and s.report.completed == 4, SECONDS)
    the_worker.say(Finished(the_worker.identity, ((4, 4),), Outcome.NONE, 0.1), scan)
    assert the_worker.hear(FinishWorkers)[1].workers == (the_worker.identity,)
    the_worker.say(WorkerFinished(the_worker.identity), scan)
    the_reducer.hear(FinishReducer)
    the_reducer.say(ReducerFinished(), scan)
    status = controller.wait_until(lambda s: s.phase is Phase.STANDBY, SECONDS)
    assert (status.failed, status.report and status.report.completed) == ("", 5)
    for node in nodes:
        assert node.hear(Disarm)[0] == scan


def test_a_worker_is_told_when_to_go_on_with_a_solo_event(
    controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    scan = begun(controller, nodes)
    _, the_worker, _ = nodes
    the_worker.say(Started(the_worker.identity, 1, 0), scan)
    assert the_worker.hear(Proceed) == (scan, Proceed(1, the_worker.identity, 0))
    the_worker.say(Finished(the_worker.identity, ((1, 1),), Outcome.NONE, 0.1, solo=True), scan)
    assert the_worker.hear(Proceed) == (scan, Proceed(1, the_worker.identity, 0))


def test_a_map_that_cannot_be_served_is_refused(controller: Controller, nodes: tuple[Node, Node, Node]) -> None:
    with pytest.raises(TriggerMapError, match="pcap"):
        controller.arm(TriggerMap.from_json({"uniform": {"streams": ["pcap"], "events": 3}}))
    assert controller.status.phase is Phase.STANDBY


def test_without_a_reducer_there_is_no_scan(made: zmq.Context[Any], controller: Controller) -> None:
    ingester(made, controller)
    worker(made, controller)
    controller.wait_until(lambda s: bool(s.ingesters and s.workers), SECONDS)
    with pytest.raises(Refused, match="no reducer"):
        controller.arm(MAP)


def test_a_running_scan_is_not_given_up(controller: Controller, nodes: tuple[Node, Node, Node]) -> None:
    first, scan = controller.arm(MAP), controller.arm(MAP)  # while it is being armed, it is
    for node in nodes:
        assert [node.hear(Arm)[0], node.hear(Arm)[0]] == [first, scan]
        node.say(Ready(), scan)
    controller.wait_until(lambda s: s.phase is Phase.RUNNING, SECONDS)
    with pytest.raises(Refused, match="running"):
        controller.arm(MAP)


def test_a_worker_that_cannot_take_part_is_named(controller: Controller, nodes: tuple[Node, Node, Node]) -> None:
    scan = controller.arm(MAP)
    for node, error in zip(nodes, ("", "__init__ failed", ""), strict=True):
        node.hear(Arm)
        node.say(Ready(error), scan)
    status = controller.wait_until(lambda s: s.phase is Phase.STANDBY, SECONDS)
    assert "no worker" in status.failed
    assert status.failures == (Failure(-1, "worker:1 cannot take part in the scan", "__init__ failed"),)


def test_a_worker_that_joins_is_armed(
    made: zmq.Context[Any], controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    scan = controller.arm(MAP)
    version = controller.status.version
    controller.set_parameter("till_x", b"5")
    controller.set_parameter("poni", b"...")
    late = worker(made, controller, "late:1")
    assert [late.hear(Parameters)[1] for _ in range(3)] == [
        Parameters(version, {"till_x": ("int", b"2")}),
        Parameters(version + 1, {"till_x": ("int", b"5")}),
        Parameters(version + 2, {"poni": ("", b"...")}),
    ]
    arm = late.hear(Arm)
    assert (arm[0], arm[1].version) == (scan, version)


def test_a_node_that_comes_again_takes_its_own_place(
    made: zmq.Context[Any], controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    again = worker(made, controller, "worker:2")
    controller.wait_until(lambda s: s.workers == ("worker:2",), SECONDS)
    assert [nodes[1].hear(Welcome)[1].refusal for _ in range(2)] == ["", "worker:2 has taken its place"]
    again.socket.close()
    assert controller.wait_until(lambda s: s.workers == ("worker:1",), SECONDS).refused == {}


def test_a_node_that_is_gone_is_noticed(controller: Controller, nodes: tuple[Node, Node, Node]) -> None:
    nodes[1].socket.close()
    controller.wait_until(lambda s: s.workers == (), SECONDS)
    for node in (nodes[0], nodes[2]):
        assert node.hear(WorkerGone)[1] == WorkerGone("worker:1")


def test_the_reducer_is_told_that_a_worker_is_gone_when_that_is_fenced_off(
    controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    scan = begun(controller, nodes)
    nodes[1].socket.close()
    heard = [nodes[2].hear(Fence, WorkerGone) for _ in range(2)]
    assert heard == [(scan, Fence("worker:1")), (NO_SCAN, WorkerGone("worker:1"))]


def test_a_change_of_parameters_goes_to_those_who_use_them(
    controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    before = controller.status
    assert before.descriptions == {"till_x": TILL_X}
    with pytest.raises(ParameterError, match=r"'till_x' \(int\): 'many' is not int"):
        controller.set_parameter("till_x", b"many")
    version = controller.set_parameter("till_x", b"5")
    assert (controller.status.version, controller.status.parameters.values["till_x"].value) == (version, 5)
    assert version == before.version + 1
    for node in nodes[1:]:
        while (heard := node.hear(Parameters)[1]).version < version:
            pass
        assert heard == Parameters(version, {"till_x": ("int", b"5")})


def test_parameters_are_those_that_the_nodes_describe_like_in_replay(
    made: zmq.Context[Any], controller: Controller
) -> None:
    controller.set_parameter("scale", b"1.5")
    theirs = IntParameter(name="till_x", default=9), FloatParameter(name="scale", default=0.5)
    Node(made, controller, "reducer:1", ReducerHello("reducer", ("tcp://reducer",), theirs))
    controller.wait_until(lambda s: bool(s.reducers), SECONDS)
    worker(made, controller)
    status = controller.wait_until(lambda s: bool(s.workers), SECONDS)
    in_replay = ParameterStore(merge_descriptions([TILL_X, *theirs]), {ParameterName("scale"): b"1.5"}).version
    assert status.parameters == in_replay
    assert {name: parameter.value for name, parameter in in_replay.values.items()} == {"till_x": 2, "scale": 1.5}


def test_nodes_of_the_same_class_make_no_new_version(made: zmq.Context[Any], controller: Controller) -> None:
    versions = set()
    for identity in ("a:1", "b:1"):
        worker(made, controller, identity)
        versions.add(controller.wait_until(lambda s, new=identity: new in s.workers, SECONDS).version)
    assert len(versions) == 1


@pytest.mark.parametrize(
    ("hello", "shown"),
    [
        (ReducerHello("new", ("tcp://r",), (FloatParameter(name="till_x"),)), "float with the default 0.0"),
        (WorkerHello("new", (), False, (IntParameter(name="till_x", default=3),)), "int with the default 3"),
    ],
)
def test_a_node_that_contradicts_the_others_is_refused_while_they_are_there(
    made: zmq.Context[Any], controller: Controller, hello: Message, shown: str
) -> None:
    first = worker(made, controller)
    controller.wait_until(lambda s: bool(s.workers), SECONDS)
    new = Node(made, controller, "new:1", hello)
    reason = new.hear(Welcome)[1].refusal
    assert reason == (
        f"parameter 'till_x' is described as {shown}, but worker:1 describes it as int with the default 2"
    )
    status = controller.wait_until(lambda s: bool(s.refused), SECONDS)
    assert (status.refused, status.workers, status.reducers) == ({"new:1": reason}, ("worker:1",), ())
    first.socket.close()
    assert new.hear(Welcome)[1] == Welcome()
    assert controller.wait_until(lambda s: s.workers + s.reducers == ("new:1",), SECONDS).refused == {}


def test_a_second_reducer_is_refused_while_the_first_is_there(
    made: zmq.Context[Any], controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    second = Node(made, controller, "second:1", ReducerHello("second", ("tcp://second",)))
    assert second.hear(Welcome)[1] == Welcome("reducer:1 is the reducer: stop it, or this one")
    assert nodes[1].hear(Peers)[1].reducers.keys() <= {"reducer:1"}
    assert controller.status.reducers == ("reducer:1",)
    nodes[2].socket.close()
    assert second.hear(Welcome)[1] == Welcome()
    assert controller.wait_until(lambda s: s.reducers == ("second:1",), SECONDS).refused == {}


def test_a_second_ingester_of_a_stream_is_refused_while_the_first_is_there(
    made: zmq.Context[Any], controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    second = Node(made, controller, "second:1", IngesterHello("second", ("tcp://second",), ("pcap", "xrd")))
    reason = "ingester:1 takes in xrd already: stop it, or give second other streams"
    assert second.hear(Welcome)[1] == Welcome(reason)
    status = controller.wait_until(lambda s: bool(s.refused), SECONDS)
    assert (status.refused, status.ingesters, status.streams) == ({"second:1": reason}, ("ingester:1",), ("xrd",))
    again = Node(made, controller, "ingester:2", IngesterHello("ingester", ("tcp://ingester",), ("xrd",)))
    assert again.hear(Welcome)[1] == Welcome()
    again.socket.close()
    nodes[0].socket.close()
    assert controller.wait_until(lambda s: s.ingesters == ("second:1",), SECONDS).streams == ("pcap", "xrd")


def test_a_value_given_before_its_description_must_fit(made: zmq.Context[Any], controller: Controller) -> None:
    controller.set_parameter("till_x", b"many")
    new = worker(made, controller)
    assert new.hear(Welcome)[1] == Welcome("parameter 'till_x' (int): 'many' is not int")
    controller.set_parameter("till_x", b"7")
    assert new.hear(Welcome)[1] == Welcome()
    assert new.hear(Parameters)[1].changed == {"till_x": ("int", b"7")}


def test_what_is_no_message_is_left_out(
    made: zmq.Context[Any], controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    stranger = Node(made, controller, "stranger:1", Ping()).socket
    for parts in ([b""], [b"\xff" * 10], [b"x", b"y"], [encode(Missing("xrd", ((0, 1),)), bytes(16))]):
        stranger.send_multipart(parts)
    assert nodes[0].hear(Ping)
    assert controller.status.ingesters == ("ingester:1",)


def test_the_latest_statistics_of_those_who_are_there_are_known(
    made: zmq.Context[Any], controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    told = WorkerStatistics(b"", WorkerCounts(), TimeShares(), 0, 2, 0.0, 0.0, 0.0, 0.0)
    Node(made, controller, "stranger:1", told)
    for lag in range(3):
        nodes[1].say(replace(told, lag=lag))
    latest = {"worker:1": replace(told, lag=2)}
    controller.wait_until(lambda s: s.statistics == latest, SECONDS)
    nodes[1].socket.close()
    controller.wait_until(lambda s: s.statistics == {}, SECONDS)


def test_ingesters_mark_ticks_as_often_as_any_worker_asks_for(
    made: zmq.Context[Any], controller: Controller, nodes: tuple[Node, Node, Node]
) -> None:
    other = Node(made, controller, "other:1", IngesterHello("other", ("tcp://other",), ("pcap",)))
    bob = worker(made, controller, "bob:1")
    controller.wait_until(lambda s: (len(s.ingesters), len(s.workers)) == (2, 2), SECONDS)
    scan = controller.arm(TriggerMap.from_json({"uniform": {"streams": ["xrd", "pcap"], "events": 3}}))
    ann = nodes[1]
    for sender, seconds, told in ((ann, 0.5, 0.5), (bob, 2.0, 0.5), (bob, 0.25, 0.25)):
        sender.say(TickInterval(seconds), scan)
        assert [node.hear(TickInterval)[1] for node in (nodes[0], other)] == [TickInterval(told)] * 2
    bob.socket.close()
    assert [node.hear(TickInterval)[1] for node in (nodes[0], other)] == [TickInterval(0.5)] * 2


def test_a_controller_that_has_ended_refuses_commands() -> None:
    ended = Controller()
    ended.stop()
    ended.run()
    with pytest.raises(Refused, match="has ended"):
        ended.abort()


def test_an_aborted_scan_is_over_at_once(controller: Controller, nodes: tuple[Node, Node, Node]) -> None:
    controller.arm(MAP)
    controller.abort()
    assert controller.wait_until(lambda s: s.phase is Phase.STANDBY, SECONDS).failed == "aborted"
