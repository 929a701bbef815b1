"""What the world model answers and is told over services: graph, space, predictions, what the hand holds, states the robot made so."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from robomem_msgs import srv

from robomem.errors import RobomemError
from robomem.nodes import asked
from robomem.nodes.answers import places_to_msg
from robomem.nodes.conversions import rigid
from robomem.nodes.wire import WireError, pack, words
from robomem.scene_graph.snapshot import pack_space
from robomem.scene_graph.world_model import WorldModel

OFFERED = ("GetSpace", "Predict", "SetHeld", "NoteState")


class WorldServices:
    """Offers the services under the node's own name.

    Args:
        node: the world model's.
        world: the world model, None while it is not known yet.
        on_told: called with ids whose stored rows are out of date.
        reject: counts a refusal.
    """

    def __init__(
        self, node: Any, world: Callable[[], WorldModel | None], on_told: Callable[[int], None], reject: Callable[[str, str], None]
    ) -> None:
        self._node, self._world, self._on_told, self._reject = node, world, on_told, reject
        self._offered = []
        for name in OFFERED:
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
            self._offered.append(node.create_service(getattr(srv, name), f"~/{snake}", self._guarded(getattr(self, f"_{snake}"))))

    def close(self) -> None:
        """Offer nothing any more."""
        for service in self._offered:
            self._node.destroy_service(service)
        self._offered = []

    def _guarded(self, verb: Callable[[WorldModel, Any, Any], None]) -> Callable[[Any, Any], Any]:
        def answer(request: Any, response: Any) -> Any:
            try:
                world = self._world()
                if world is None:
                    raise WireError("not_ready", "world_model: does not know yet what was; is the memory running?")
                verb(world, request, response)
                response.ok = True
            except (RobomemError, KeyError) as error:
                response.ok, response.reason = False, str(error)
                self._reject(getattr(error, "reason", "bad_request"), str(error))
            return response

        return answer

    def _get_space(self, world: WorldModel, request: Any, response: Any) -> None:
        if request.refresh_rooms:
            world.refresh_rooms()
        out = io.BytesIO()
        np.savez(out, **(world.snapshot() if request.whole else pack_space(world, to_read=True)))  # type: ignore[arg-type]
        response.stamp_ns, response.npz = world.stamp_ns, pack(np.frombuffer(out.getvalue(), np.uint8), "u1")

    def _predict(self, world: WorldModel, request: Any, response: Any) -> None:
        found = world.location_belief(asked.query(request.query), asked.time_ns(request.at_ns, "predict.at_ns") or world.stamp_ns)
        response.places = places_to_msg(found)

    def _set_held(self, world: WorldModel, request: Any, response: Any) -> None:
        pose = None
        if request.held:
            pose = _pose(request.pose)
        world.set_held(int(request.id), pose)
        self._on_told(int(request.id))

    def _note_state(self, world: WorldModel, request: Any, response: Any) -> None:
        words("note_state", (request.name, request.value))
        if not request.name:
            raise WireError("bad_name", "note_state: a state has a name")
        if request.name == "searched":
            when = asked.query(request.value or str(world.stamp_ns))
            if not isinstance(when, int):
                raise WireError("bad_stamp", f"note_state: {request.value[:40]!r} is no time in ns")
            world.note_searched(int(request.id), when)
            return
        world.note_state(int(request.id), request.name, request.value)
        self._on_told(int(request.id))


class _Named:
    def __init__(self, **values: float) -> None:
        self.__dict__.update(values)


def _pose(numbers: Any) -> np.ndarray:
    if len(numbers) != 7:
        raise WireError("wrong_length", f"set_held.pose: {len(numbers)} numbers, expected x, y, z, qx, qy, qz, qw")
    x, y, z, qx, qy, qz, qw = (float(v) for v in numbers)
    return rigid(_Named(x=x, y=y, z=z), _Named(x=qx, y=qy, z=qz, w=qw), "set_held.pose")
