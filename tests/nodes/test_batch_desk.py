"""The memory node's desk for the world model's batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robomem.memory.hub import MemoryHub
from robomem.scene_graph.graph import Node, SceneGraph
from tests.memory.hand_home import S

srv = pytest.importorskip("robomem_msgs.srv")
from robomem.nodes.batch_desk import BatchDesk  # noqa: E402
from robomem.nodes.conversions import observations_to_msg  # noqa: E402
from robomem.nodes.graph_wire import GraphDiff  # noqa: E402
from tests.memory.test_sqlite_store import observations  # noqa: E402


def test_sightings_of_what_was_never_confirmed_go_to_the_thing_it_turned_out_to_be(tmp_path: Path) -> None:
    """No event tells of such a merge: it is in the graph's delta alone."""
    graph, diff, desk = SceneGraph(), GraphDiff("map", 7), BatchDesk()
    with MemoryHub.open(tmp_path / "m.db") as hub:
        assert isinstance(hub, MemoryHub)
        graph.put(Node(1, "object", "mug", np.ones(3), np.full(3, 0.1), 0.0, {"status": "confirmed"}, S))
        diff.delta(graph, S)  # numbers begin at one
        for seq, thing in ((1, 1), (2, 2)):
            batch = srv.WriteBatch.Request(session=7, seq=seq, stamp_ns=seq * S)
            batch.observations = observations_to_msg(observations(seq * S, np.ones((1, 3))), np.array([10 + seq]), np.array([thing]))
            batch.graph = diff.whole(graph, seq * S) if seq == 1 else batch.graph
            desk.write_batch(hub, batch, srv.WriteBatch.Response())
            hub.store.flush()
        assert [o.id for o in hub.store.observations_of(1, 0, 9 * S, 9)] == [11]
        graph.alias(2, 1, 3 * S)
        graph.put(Node(1, "object", "mug", np.full(3, 1.1), np.full(3, 0.1), 0.0, {"status": "confirmed"}, S))
        batch = srv.WriteBatch.Request(session=7, seq=3, stamp_ns=3 * S)
        batch.graph = diff.delta(graph, 3 * S)
        desk.write_batch(hub, batch, srv.WriteBatch.Response())
        assert hub.store.resolve(2) == 1
        assert sorted(o.id for o in hub.store.observations_of(1, 0, 9 * S, 9)) == [11, 12]
