"""News for the one writer: numbered, one in flight, kept until acknowledged, told whole again after a gap."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from robomem_msgs.msg import GraphDelta
from robomem_msgs.srv import WriteBatch

from robomem.nodes.conversions import events_to_msg, objects_to_msg, observations_to_msg
from robomem.nodes.object_rows import ObjectRow, object_row, rows_to_msg
from robomem.scene_graph.world_model import FrameResult
from robomem.types import ObjectView

KEPT = 3000  # batches kept while the memory is away: five minutes at 10 Hz
RESEND_S = 2.0
SPARE_BLOCKS = 4


class OutOfIds(RuntimeError):
    """The memory has been away for so long that no ids are left to give."""


class Outbox:
    """Sends batches in order.

    Args:
        client: of the memory's write_batch service.
        session: of this process; numbers begin at 1.
        whole: makes the whole graph and all objects, for the batch after a gap.
        on_forgotten: called with ids that a person asked to forget.
        on_lost: called with a reason when a batch is given up.
    """

    def __init__(
        self,
        client: Any,
        session: int,
        whole: Callable[[], tuple[GraphDelta, Sequence[ObjectView]]],
        on_forgotten: Callable[[list[int]], None],
        on_lost: Callable[[str, str], None],
    ) -> None:
        self._client, self._session, self._whole = client, session, whole
        self._on_forgotten, self._on_lost = on_forgotten, on_lost
        self._waiting: deque[WriteBatch.Request] = deque()
        self._future: Any = None
        self._sent_s = 0.0
        self._seq = 0
        self._blocks: list[int] = []
        self.acknowledged = 0

    @property
    def pending(self) -> int:
        """Batches not yet acknowledged."""
        return len(self._waiting)

    def grant(self, first: int) -> None:
        """Ids from `first` on are ours."""
        self._blocks.append(first)

    def lease(self, n: int) -> int:
        """The first of a block of ids, for IdAllocator.

        Raises:
            OutOfIds: none are left.
        """
        if not self._blocks:
            raise OutOfIds("the memory node has given no more ids; is it running?")
        return self._blocks.pop(0)

    def put(self, result: FrameResult, objects: Sequence[ObjectRow], graph: GraphDelta | None) -> None:
        """Queue one frame's news: what it brought, the objects that changed, what changed in the graph."""
        self._seq += 1
        request = WriteBatch.Request(session=self._session, seq=self._seq, stamp_ns=int(result.stamp_ns))
        request.events = events_to_msg(result.events)
        request.observations = observations_to_msg(result.observations, result.observation_ids, result.object_ids)
        if self._seq == 1:  # the memory follows no graph of this session yet: it begins with the whole
            request.graph, views = self._whole()
            objects = [object_row(v) for v in views]
        else:
            request.graph = graph or GraphDelta()
        request.objects = rows_to_msg(objects, result.stamp_ns, "map", 0)
        self._waiting.append(request)
        if len(self._waiting) > KEPT:
            self._waiting.popleft()
            self._on_lost("batches_given_up", "world_model: the memory has been away for too long; the oldest news are dropped")
        self.pump()

    def pump(self) -> None:
        """Send what is next; send again what was not answered."""
        if not self._waiting or not self._client.service_is_ready():
            return
        if self._future is not None:
            if time.monotonic() - self._sent_s < RESEND_S:
                return
            self._client.remove_pending_request(self._future)
        self._sent_s = time.monotonic()
        self._waiting[0].lease = len(self._blocks) < SPARE_BLOCKS
        self._future = self._client.call_async(self._waiting[0])
        self._future.add_done_callback(self._answered)

    def _answered(self, future: Any) -> None:
        if future is not self._future:
            return  # an answer to what was sent again since
        self._future = None
        answer = future.result()
        if answer is None:
            return
        if answer.ok:
            if answer.leased > 0:  # a refusal leaves the field at zero, and ids from zero on are somebody else's
                self.grant(int(answer.leased))
            self.acknowledged = int(answer.seq)
            self._waiting.popleft()
            if len(answer.forgotten):
                self._on_forgotten([int(i) for i in answer.forgotten])
        elif answer.reason == "gap":
            delta, views = self._whole()
            head = self._waiting[0]
            head.graph, head.objects = delta, objects_to_msg(views, head.stamp_ns, "map", 0)
        else:
            self._waiting.popleft()
            self._on_lost("batch_refused", f"world_model: the memory refused a batch: {answer.reason}")
        self.pump()
