"""Memory and world as another process sees them: the verbs over services, the world as of its newest image."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from robomem_msgs import srv
from robomem_msgs.msg import TrackedObjects

from robomem.errors import RobomemError
from robomem.nodes import qos
from robomem.nodes.answers import places_from_msg, recall_from_msg
from robomem.nodes.conversions import events_from_msg, objects_from_msg
from robomem.nodes.graph_wire import GraphMirror
from robomem.nodes.wire import dumps, pack, to_ns
from robomem.ontology import default_ontology
from robomem.scene_graph.graph import SceneGraph
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.snapshot import unpack_grid, unpack_surfaces
from robomem.scene_graph.whereabouts import Surface
from robomem.types import Episode, Event, ObjectView, PlaceProbability, Recall

ANSWER_S = 3.0  # one try
PATIENCE_S = 30.0  # all tries: a node that was killed is back within this
POLL_S = 0.005


class NoAnswer(RobomemError):
    """A node of ours did not answer for so long that it is not coming back."""


class Caller:
    """Calls services of other nodes and waits; the node's executor must have a thread of its own.

    Args:
        node: whose executor spins elsewhere.
        group: reentrant; a new one by default.
    """

    def __init__(self, node: Any, group: Any = None) -> None:
        self.node, self.group = node, group or ReentrantCallbackGroup()
        self._clients: dict[str, Any] = {}

    def call(self, kind: Any, name: str, request: Any, patience_s: float = PATIENCE_S, answer_s: float = ANSWER_S) -> Any:
        """The answer; a server that dies meanwhile is asked again when it is back, so requests must bear being repeated.

        Raises:
            NoAnswer: none came in `patience_s`.
        """
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(kind, name, callback_group=self.group)
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            if not client.service_is_ready():
                time.sleep(0.02)
                continue
            future, done = client.call_async(request), threading.Event()
            future.add_done_callback(lambda _f, done=done: done.set())
            if done.wait(answer_s) and future.result() is not None:
                return future.result()
            client.remove_pending_request(future)
        raise NoAnswer(f"{name} did not answer in {patience_s:g} s; is its node running? (`ros2 node list`, or the logs of `robomem up`)")

    def close(self) -> None:
        """Give the clients back."""
        for client in self._clients.values():
            self.node.destroy_client(client)
        self._clients.clear()


def checked(answer: Any) -> Any:
    """The answer, if it is not a refusal.  Raises: RobomemError with its reason."""
    if not answer.ok:
        raise RobomemError(answer.reason)
    return answer


class RemoteWorld:
    """The world model of another process, fetched again when an image was folded in since (implements planning's WorldLike).

    Args:
        caller: asks.
        world: name of the node.
    """

    def __init__(self, caller: Caller, world: str = "world_model") -> None:
        self._caller, self._name = caller, world
        self._heard = caller.node.create_subscription(TrackedObjects, "objects", self._hear, qos.OBJECTS, callback_group=caller.group)
        self._newest_ns = -1  # of images folded in, as announced
        self._news = threading.Condition()
        self._views: dict[int, ObjectView] = {}
        self._graph, self._graph_ns = SceneGraph(), -2
        self._grid, self._surfaces, self._space_ns = OccupancyGrid(), dict[int, Surface](), -2
        self._marks: list[tuple[NDArray[np.float64], float]] = []

    def close(self) -> None:
        """Stop listening."""
        self._caller.node.destroy_subscription(self._heard)

    def _hear(self, msg: Any) -> None:
        with self._news:
            self._newest_ns = max(self._newest_ns, to_ns(msg.header.stamp))
            self._news.notify_all()

    def stale(self) -> None:
        """Something was told to the world; ask anew before the next answer."""
        self._graph_ns = self._space_ns = -2

    def wait_for(self, stamp_ns: int, seconds: float) -> bool:
        """Wait until an image of at least `stamp_ns` is folded in; False if none was in time."""
        with self._news:
            return self._news.wait_for(lambda: self._newest_ns >= stamp_ns, seconds)

    def settle(self, seconds: float = 5.0) -> None:
        """Wait until the memory has written all that the world model saw."""
        end = time.monotonic() + seconds
        while self._fetch() and time.monotonic() < end:
            time.sleep(POLL_S)

    def _fetch(self) -> int:
        """Take graph and objects anew; returns how many images the memory has not written."""
        newest = self._newest_ns
        answer = self._caller.call(srv.GetGraph, f"{self._name}/get_graph", srv.GetGraph.Request())
        mirror = GraphMirror()
        mirror.reset(answer.snapshot.graph)
        self._views = {v.id: v for v in objects_from_msg(answer.snapshot.objects)}
        self._graph, self._graph_ns = mirror.graph, max(newest, to_ns(answer.snapshot.objects.header.stamp))
        return int(answer.unacknowledged)

    def graph(self) -> SceneGraph:
        """The scene graph."""
        if self._graph_ns < self._newest_ns:
            self._fetch()
        return self._graph

    def objects(self) -> list[ObjectView]:
        """Every track."""
        self.graph()
        return list(self._views.values())

    def object(self, object_id: int) -> ObjectView | None:
        """One track by id or alias."""
        return self._views.get(self.graph().resolve(object_id))

    def furniture(self) -> list[ObjectView]:
        """Confirmed furniture."""
        return [v for n in self.graph().nodes("furniture") if (v := self._views.get(n.id)) is not None]

    # -- space ---------------------------------------------------------------------------------------------------------

    def _space(self, refresh_rooms: bool = False) -> None:
        if self._space_ns >= self._newest_ns and not refresh_rooms:
            return
        newest = self._newest_ns
        arrays = self._arrays(srv.GetSpace.Request(refresh_rooms=refresh_rooms))
        self._grid, self._surfaces, self._space_ns = unpack_grid(arrays), unpack_surfaces(arrays), newest
        for xy, radius_m in self._marks:
            self._grid.mark_free(xy, radius_m)
        self._grid.mark_free = self._mark  # type: ignore[method-assign]

    def _mark(self, xy: ArrayLike, radius_m: float) -> None:
        """Where the robot stood unharmed stays free, whichever grid comes next."""
        self._marks.append((np.asarray(xy, float)[:2].copy(), float(radius_m)))
        OccupancyGrid.mark_free(self._grid, xy, radius_m)

    def _arrays(self, request: Any) -> Mapping[str, NDArray[Any]]:
        answer = checked(self._caller.call(srv.GetSpace, f"{self._name}/get_space", request))
        with np.load(io.BytesIO(bytes(answer.npz)), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    @property
    def grid(self) -> OccupancyGrid:
        """Where the robot can drive."""
        self._space()
        return self._grid

    @property
    def surfaces(self) -> Mapping[int, Surface]:
        """When which surface was seen."""
        self._space()
        return self._surfaces

    def refresh_rooms(self) -> None:
        """Segment and name the rooms now."""
        self._space(refresh_rooms=True)
        self.stale()

    def snapshot(self) -> Mapping[str, NDArray[Any]]:
        """The world model's whole state."""
        return self._arrays(srv.GetSpace.Request(whole=True))

    # -- what others know better ---------------------------------------------------------------------------------------

    def set_held(self, object_id: int, T_map_gripper: NDArray[np.float64] | None) -> None:
        """The gripper took the object (its pose) or let it go."""
        from robomem.geometry import quaternion_from_matrix

        request = srv.SetHeld.Request(id=int(object_id), held=T_map_gripper is not None)
        if T_map_gripper is not None:
            w, x, y, z = quaternion_from_matrix(T_map_gripper[:3, :3])
            request.pose = pack([*T_map_gripper[:3, 3], x, y, z, w], "f8")
        checked(self._caller.call(srv.SetHeld, f"{self._name}/set_held", request))
        self.stale()

    def note_searched(self, place_id: int, stamp_ns: int) -> None:
        """The inside of a place was looked over."""
        self.note_state(place_id, "searched", str(stamp_ns))

    def note_state(self, object_id: int, name: str, value: str) -> None:
        """A state the robot made so."""
        checked(
            self._caller.call(srv.NoteState, f"{self._name}/note_state", srv.NoteState.Request(id=int(object_id), name=name, value=value))
        )
        self.stale()

    def predict(self, query: str | int, at_ns: int) -> list[PlaceProbability]:
        """Where something may be, from the live belief."""
        request = srv.Predict.Request(query=str(query), at_ns=at_ns)
        return places_from_msg(checked(self._caller.call(srv.Predict, f"{self._name}/predict", request)).places)


class RemoteMemory:
    """The verbs of memory over services (implements planning's MemoryLike).

    Args:
        caller: asks.
        now_ns: the robot's clock.
    """

    def __init__(self, caller: Caller, now_ns: Any, memory: str = "memory", world: str = "world_model") -> None:
        self._caller, self._name, self._now_ns = caller, memory, now_ns
        self._ontology = default_ontology()
        self.world = RemoteWorld(caller, world)

    def _ask(self, kind: Any, verb: str, request: Any) -> Any:
        self.world.settle()
        return checked(self._caller.call(kind, f"{self._name}/{verb}", request))

    def now_ns(self) -> int:
        """The robot's clock."""
        return int(self._now_ns())

    def find(self, query: str | int) -> Recall:
        """Where something is."""
        return recall_from_msg(self._ask(srv.Find, "find", srv.Find.Request(query=str(query), at_ns=self.now_ns())).answer)

    def predict(self, query: str | int) -> list[PlaceProbability]:
        """Where something may be: the live belief first, then the record, then common sense of its class."""
        at, about = self.now_ns(), query
        if isinstance(query, str):
            recall, about = self.find(query), ""
            have, want = self._ontology.canonical(recall.label), str(self._kind(query))
            if recall.id is not None and (have == want or have.endswith(f" {want}") or not self._ontology.known(want)):
                about = recall.id  # a cup that came up for want of a mug is not what was meant
        found = self.world.predict(about, at) if about != "" else []
        found = found or places_from_msg(self._ask(srv.Predict, "predict", srv.Predict.Request(query=str(query), at_ns=at)).places)
        return sorted(found or self.world.predict(self._kind(query), at), key=lambda row: -row.probability)

    def _kind(self, query: str | int) -> str | int:
        """The class in some words: "red mug" -> "mug"."""
        words = query.split() if isinstance(query, str) else []
        tails = (self._ontology.canonical(" ".join(words[k:])) for k in range(len(words)))
        return next((tail for tail in tails if self._ontology.known(tail)), query)

    def objects(self) -> list[ObjectView]:
        """Every track."""
        return self.world.objects()

    def graph(self) -> SceneGraph:
        """The scene graph."""
        return self.world.graph()

    def changes(self, since_ns: int = 0) -> list[Event]:
        """Events in time order."""
        return events_from_msg(self._ask(srv.Changes, "changes", srv.Changes.Request(since_ns=int(since_ns))).events)

    def add_episode(self, episode: Episode) -> int:
        """Remember a task."""
        row = asdict(episode)
        request = srv.AddEpisode.Request(**{k: row[k] for k in ("instruction", "start_ns", "end_ns", "outcome", "summary")})
        request.steps = json.dumps([json.loads(dumps(s) or "{}") for s in episode.steps])
        request.cost = dumps(dict(episode.cost))
        return int(checked(self._caller.call(srv.AddEpisode, f"{self._name}/add_episode", request)).id)

    def flush(self) -> None:
        """Wait until everything is written."""
        self.world.settle()
