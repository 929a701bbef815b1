"""What the rivals share: items, association by label and gate, a camera to ask, a diary of what was believed when.

Every rival gets the same observations and depth images, may keep its own past (the diary), and answers with a probability if it has one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.moved_objects.interface import Believed, RelationClaim
from benchmarks.moved_objects.scores_match import distances, kind_of, same_family
from robomem.geometry import inverse
from robomem.ontology import default_ontology
from robomem.perception.frame import RgbdFrame
from robomem.types import Observations

FURNITURE_GATE_M, AGENT_GATE_M = 1.0, 1.2
AGENT_KEPT_S = 2.0
HEALTHY_SHARE = 0.25  # of valid depth, below which an image says nothing of absence
RANGE_M = 4.0  # within which a detection can be expected
SAMPLES = np.array([(x, y, z) for x in (-0.3, 0.0, 0.3) for y in (-0.3, 0.0, 0.3) for z in (0.25,)])  # of the box, in its upper half


@dataclass
class Item:
    """One thing in a rival's map. `position`, `size` Float64[3] m; `existence` 0..1; `misses` as the rival counts them."""

    id: int
    kind: str
    position: NDArray[np.float64]
    size: NDArray[np.float64]
    last_ns: int
    votes: dict[str, float] = field(default_factory=dict)
    hits: int = 1
    misses: int = 0
    existence: float = 1.0

    @property
    def label(self) -> str:
        """The name most sightings agree on."""
        return max(self.votes, key=lambda k: self.votes[k])


@dataclass(frozen=True)
class Seen:
    """What one depth image says of a row of items.

    Attributes (all [n]):
        in_view: the centre is inside the image, nearer than `RANGE_M`.
        empty, supported, occluded: share of the item's samples that the depth image sees through, meets, or has something in front of.
        distance_m: along the optical axis.
    """

    in_view: NDArray[np.bool_]
    empty: NDArray[np.float64]
    supported: NDArray[np.float64]
    occluded: NDArray[np.float64]
    distance_m: NDArray[np.float64]


class Camera:
    """One frame, ready to be asked about points."""

    def __init__(self, frame: RgbdFrame) -> None:
        self._T, self._k, self._depth = inverse(frame.T_map_camera), frame.intrinsics, frame.depth_m
        self.healthy = frame.valid_share >= HEALTHY_SHARE

    def measure(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """For Float64[n, 3] map points (m): their depth, the measured depth (0 = none) and whether they fall into the image."""
        p = points @ self._T[:3, :3].T + self._T[:3, 3]
        z = np.maximum(p[:, 2], 1e-3)
        u, v = self._k.fx * p[:, 0] / z + self._k.cx, self._k.fy * p[:, 1] / z + self._k.cy
        inside = (p[:, 2] > 0.15) & (u >= 0) & (v >= 0) & (u < self._k.width) & (v < self._k.height)
        measured = np.zeros(len(points))
        measured[inside] = self._depth[v[inside].astype(int), u[inside].astype(int)]
        return np.asarray(p[:, 2], np.float64), measured, np.asarray(inside, np.bool_)

    def look(self, positions: NDArray[np.float64], sizes: NDArray[np.float64], margin_m: float) -> Seen:
        """Compare boxes (centres and sizes Float64[n, 3], m) with the depth image."""
        z, _, inside = self.measure(positions)
        points = positions[:, None] + SAMPLES[None] * sizes[:, None]
        flat_z, flat_d, flat_ok = self.measure(points.reshape(-1, 3))
        shape = (len(positions), len(SAMPLES))
        pz, d, valid = flat_z.reshape(shape), flat_d.reshape(shape), (flat_ok & (flat_d > 0)).reshape(shape)
        thick = np.minimum(sizes[:, 0], sizes[:, 1])[:, None]
        empty, occluded = valid & (d > pz + margin_m), valid & (d < pz - margin_m - thick)
        supported = valid & ~empty & ~occluded
        return Seen(inside & (z < RANGE_M), empty.mean(axis=1), supported.mean(axis=1), occluded.mean(axis=1), z)


class ItemMap:
    """A map of items: same family within the gate is the same thing, its label the majority's. What happens to the unseen is the rival's.

    Args:
        gate_m: how far from its last position a small thing may be seen and still be it.
        min_hits: sightings before an item is reported.
        blend: share of a new sighting in the position; 1 = the last one counts.
    """

    name = "item map"

    def __init__(self, gate_m: float = 0.3, min_hits: int = 2, blend: float = 1.0) -> None:
        self.gate_m, self.min_hits, self.blend = gate_m, min_hits, blend
        self.items: dict[int, Item] = {}
        self.stamp_ns = 0
        self._next = 1
        self._stamps: list[int] = []
        self._pages: list[tuple[Believed, ...]] = []

    # -- the neutral face --------------------------------------------------------------------------------------------

    def add(self, detections: Observations | None, frame: RgbdFrame) -> None:
        """One image."""
        self.stamp_ns = frame.stamp_ns
        obs = detections if detections is not None else Observations.empty(frame.stamp_ns)
        camera = Camera(frame)
        kinds = [kind_of(label, "object") for label in obs.labels]
        known = list(self.items.values())
        pairs = self._associate(known, obs, kinds)
        for i, j in pairs:
            self._hit(known[i], obs, j)
        taken, seen = {j for _, j in pairs}, {known[i].id for i, _ in pairs}
        unseen = [i for i in known if i.id not in seen]
        self._drop_agents([i for i in unseen if i.kind == "agent"])
        unseen = [i for i in unseen if i.kind != "agent"]
        if unseen:
            view = camera.look(np.array([i.position for i in unseen]), np.array([i.size for i in unseen]), self._margin())
            self._unseen(unseen, view, camera.healthy, detections is not None)
        for j in range(len(obs)):
            if j not in taken and obs.labels[j]:
                self._born(obs, j, kinds[j])
        self._after(frame, camera)
        self._stamps.append(frame.stamp_ns)
        self._pages.append(tuple(self._report()))

    def objects(self, t_ns: int) -> list[Believed]:
        """What the diary says was believed at `t_ns`."""
        k = bisect_right(self._stamps, t_ns)
        return list(self._pages[k - 1]) if k else []

    def where(self, label: str, t_ns: int) -> list[Believed]:
        """Things of that label, likeliest first."""
        word = default_ontology().canonical(label)
        found = [b for b in self.objects(t_ns) if default_ontology().canonical(b.label) == word]
        return sorted(found, key=lambda b: -b.existence)

    def relations(self, t_ns: int) -> list[RelationClaim]:
        """None kept."""
        return []

    # -- what a rival may do otherwise -------------------------------------------------------------------------------

    def _margin(self) -> float:
        return 0.1

    def _existence(self, item: Item) -> float:
        return item.existence

    def _unseen(self, items: list[Item], view: Seen, healthy: bool, detector_ran: bool) -> None:
        """Items that were not detected in this image (`view` is in their order)."""

    def _after(self, frame: RgbdFrame, camera: Camera) -> None:
        """Whatever else an image brings."""

    def _hit(self, item: Item, obs: Observations, j: int) -> None:
        a = self.blend * (0.3 if obs.truncated[j] else 1.0) if item.kind == "object" else 0.3
        self._refresh(item, obs, j)
        item.position = (1 - a) * item.position + a * obs.positions[j].astype(float)
        item.size = 0.8 * item.size + 0.2 * obs.sizes[j].astype(float)
        if item.kind == "agent":
            item.position = obs.positions[j].astype(float)

    @staticmethod
    def _refresh(item: Item, obs: Observations, j: int) -> None:
        item.votes[obs.labels[j]] = item.votes.get(obs.labels[j], 0.0) + float(obs.scores[j])
        item.hits, item.misses, item.last_ns = item.hits + 1, 0, obs.stamp_ns

    def _born(self, obs: Observations, j: int, kind: str) -> Item:
        size = np.maximum(obs.sizes[j].astype(float), 0.01)
        item = Item(self._next, kind, obs.positions[j].astype(float), size, obs.stamp_ns, {obs.labels[j]: float(obs.scores[j])})
        self.items[item.id] = item
        self._next += 1
        return item

    def _drop(self, item: Item) -> None:
        self.items.pop(item.id, None)

    # -- shared ------------------------------------------------------------------------------------------------------

    def _associate(self, items: list[Item], obs: Observations, kinds: list[str]) -> list[tuple[int, int]]:
        if not items or not len(obs):
            return []
        d = distances(np.array([i.position for i in items]), obs.positions.astype(float))
        gates = np.array([{"furniture": FURNITURE_GATE_M, "agent": AGENT_GATE_M}.get(i.kind, self.gate_m) for i in items])
        near = d < gates[:, None]
        for i, j in zip(*np.nonzero(near), strict=True):
            near[i, j] = items[i].kind == kinds[j] and same_family(items[i].label, obs.labels[j])
        cost = np.where(near, d - 10.0, 0.0)
        return [(int(i), int(j)) for i, j in zip(*linear_sum_assignment(cost), strict=True) if near[i, j]]

    def _drop_agents(self, agents: list[Item]) -> None:
        for item in agents:
            if self.stamp_ns - item.last_ns > AGENT_KEPT_S * 1e9:
                self._drop(item)

    def _report(self) -> list[Believed]:
        return [
            Believed(i.id, i.label, i.position.copy(), self._existence(i), i.kind) for i in self.items.values() if i.hits >= self.min_hits
        ]
