"""The outbox: what is not acknowledged is sent again, a gap is answered with the whole graph, and ids come only from a real lease."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from robomem_msgs.msg import GraphDelta  # noqa: E402

from robomem.ids import IdAllocator  # noqa: E402
from robomem.nodes.outbox import Outbox, OutOfIds  # noqa: E402
from robomem.scene_graph.world_model import FrameResult  # noqa: E402
from robomem.types import Observations  # noqa: E402


class Memory:
    """Answers batches as it is told to: the fake of one service client."""

    def __init__(self) -> None:
        self.got: list[tuple[int, int, bool]] = []  # number, graph's to_seq, lease wanted
        self._answered: list[Any] = []
        self._requests: list[Any] = []

    def service_is_ready(self) -> bool:
        return True

    def call_async(self, request: Any) -> Any:
        future = SimpleNamespace(result=lambda: future.answer, answer=None)
        future.add_done_callback = lambda callback: self._answered.append((future, callback))
        self.got.append((int(request.seq), int(request.graph.to_seq), bool(request.lease)))
        self._requests.append(request)
        return future

    def remove_pending_request(self, _future: Any) -> None:
        raise AssertionError("nothing is sent twice here")

    def answer(self, ok: bool, reason: str = "", leased: int = 0) -> None:
        """As a service does: what it does not set stays zero."""
        future, callback = self._answered.pop(0)
        future.answer = SimpleNamespace(ok=ok, reason=reason, leased=leased, seq=self.got[-1][0], forgotten=())
        callback(future)


@pytest.fixture
def sent() -> tuple[Outbox, Memory, list[tuple[str, str]]]:
    memory, lost = Memory(), []
    whole = GraphDelta(from_seq=7, to_seq=7)
    return Outbox(memory, 1, lambda: (whole, []), lambda _ids: None, lambda *why: lost.append(why)), memory, lost


def put(outbox: Outbox) -> None:
    none = np.zeros(0, np.int64)
    outbox.put(FrameResult(10**9, (), Observations.empty(10**9), none, none, (), {}), [], None)


def test_batches_go_one_after_the_other(sent) -> None:
    outbox, memory, lost = sent
    for _ in range(3):
        put(outbox)
    assert [seq for seq, _, _ in memory.got] == [1] and outbox.pending == 3
    for k in range(3):
        memory.answer(True, leased=-1)
        assert outbox.acknowledged == k + 1
    assert [seq for seq, _, _ in memory.got] == [1, 2, 3] and outbox.pending == 0 and not lost


def test_after_a_gap_the_whole_graph_goes_with_the_same_batch(sent) -> None:
    outbox, memory, _ = sent
    put(outbox)
    put(outbox)
    memory.answer(True, leased=-1)
    memory.answer(False, "gap")
    assert [(seq, to_seq) for seq, to_seq, _ in memory.got] == [(1, 7), (2, 0), (2, 7)] and outbox.pending == 1
    memory.answer(True, leased=-1)
    assert outbox.acknowledged == 2 and outbox.pending == 0


def test_a_session_begins_with_the_whole_graph(sent) -> None:
    """A memory that follows no graph of this session refused its first batch as a gap, every time."""
    outbox, memory, _ = sent
    put(outbox)
    memory.answer(True, leased=-1)
    put(outbox)
    assert [(seq, to_seq) for seq, to_seq, _ in memory.got] == [(1, 7), (2, 0)]


@pytest.mark.parametrize("reason", ["gap", "bad_id"])
def test_a_refusal_gives_no_ids(sent, reason: str) -> None:
    """A refusal leaves `leased` at zero: taken for a lease it gave ids from zero on, which others had."""
    outbox, memory, _ = sent
    outbox.grant(4097)
    ids = IdAllocator(outbox.lease, 4096)
    assert ids.next() == 4097
    put(outbox)
    memory.answer(False, reason)
    with pytest.raises(OutOfIds):
        outbox.lease(4096)


def test_a_lease_with_an_acknowledgement_is_used_next(sent) -> None:
    outbox, memory, _ = sent
    put(outbox)
    assert memory.got[-1][2]  # it asks for more while it has few
    memory.answer(True, leased=8193)
    assert outbox.lease(4096) == 8193


def test_a_batch_that_is_no_good_is_given_up_and_told(sent) -> None:
    outbox, memory, lost = sent
    put(outbox)
    put(outbox)
    memory.answer(False, "bad_id")
    assert [why for why, _ in lost] == ["batch_refused"] and [seq for seq, _, _ in memory.got] == [1, 2] and outbox.pending == 1
