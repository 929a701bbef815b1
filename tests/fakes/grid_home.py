"""A fake household for planning: true things in four rooms, a kinematic robot, and a small belief fed by what it really sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import wrap_angle
from robomem.ontology import default_ontology
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.skills.skill import BLOCKED, NOTHING_GRASPED, OUT_OF_REACH, SURFACE_TAKEN, SkillResult
from robomem.types import Candidate, Episode, Event, ObjectView, PlaceProbability, Recall
from tests.fakes.plane_world import CAMERA_M, PlaneWorld, head_pose, home_2x2

HALF_FOV, RANGE_M, NS = 0.61, 3.0, 1_000_000_000
ROOMS = {(0, 0): "kitchen", (1, 0): "living room", (0, 1): "bedroom", (1, 1): "study"}
FURNITURE = {  # name: (label, centre, size)
    "table": ("dining table", (2.2, 1.7, 0.375), (1.6, 0.9, 0.75)),
    "counter": ("counter", (0.4, 2.6, 0.45), (0.6, 2.0, 0.9)),
    "fridge": ("fridge", (0.4, 0.5, 0.875), (0.65, 0.65, 1.75)),
    "sofa": ("sofa", (7.5, 0.5, 0.4), (1.9, 0.8, 0.8)),
    "coffee table": ("coffee table", (7.6, 1.7, 0.21), (1.0, 0.5, 0.42)),
    "tv stand": ("tv stand", (9.7, 2.2, 0.25), (0.4, 1.4, 0.5)),
    "bed": ("bed", (1.1, 6.9, 0.25), (2.0, 1.5, 0.5)),
    "nightstand": ("nightstand", (0.35, 5.7, 0.25), (0.45, 0.45, 0.5)),
    "dresser": ("dresser", (3.6, 7.7, 0.45), (1.0, 0.45, 0.9)),
    "desk": ("desk", (8.0, 7.5, 0.37), (1.4, 0.7, 0.74)),
}


@dataclass
class Thing:
    """A true small object; `inside` names the container that hides it while shut."""

    label: str
    position: NDArray[np.float64]
    size: NDArray[np.float64] = field(default_factory=lambda: np.array([0.09, 0.09, 0.1]))
    color: str = ""
    inside: str = ""


class GridHome:
    """The truth: boxes, things, doors."""

    def __init__(self) -> None:
        self.world: PlaneWorld = home_2x2()
        self.things: dict[str, Thing] = {}
        self.open: set[str] = set()
        self.held: str | None = None
        self._labels: NDArray[Any] = np.zeros(0)

    def put(self, name: str, label: str, on: str, offset: tuple[float, float] = (0.0, 0.0), color: str = "", inside: bool = False) -> None:
        """Stand a thing on (or in) a piece of furniture."""
        _, centre, size = FURNITURE[on]
        z = centre[2] - 0.1 if inside else centre[2] + size[2] / 2 + 0.05
        self.things[name] = Thing(
            label, np.array([centre[0] + offset[0], centre[1] + offset[1], z]), color=color, inside=on if inside else ""
        )

    def sees(self, eye: NDArray[np.float64], yaw: float, p: NDArray[np.float64], behind_ok: str = "") -> bool:
        """True if a head camera over `eye` turned to `yaw` has a free line to a point."""
        d = p - eye
        flat = float(np.hypot(d[0], d[1]))
        if not 0.25 < flat < RANGE_M or abs(float(wrap_angle(np.arctan2(d[1], d[0]) - yaw))) > HALF_FOV:
            return False
        boxes = self.world.boxes
        if len(boxes) != len(self._labels):
            self._low, self._high = np.array([b.low for b in boxes]), np.array([b.high for b in boxes])
            self._labels = np.array([b.label for b in boxes])
        d = np.where(np.abs(d) < 1e-9, 1e-9, d)
        t0, t1 = (self._low - eye) / d, (self._high - eye) / d
        enter, leave = np.minimum(t0, t1).max(axis=1), np.maximum(t0, t1).min(axis=1)
        own = self._labels == (FURNITURE[behind_ok][0] if behind_ok else "")
        return not bool(((enter < np.minimum(leave, 0.97)) & (leave > 0) & ~own).any())

    def visible(self, x: float, y: float, yaw: float) -> list[str]:
        """Names of the things a camera at this pose shows."""
        eye = np.array([x, y, CAMERA_M])
        shown = [n for n, t in self.things.items() if n != self.held and (not t.inside or t.inside in self.open)]
        return [n for n in shown if self.sees(eye, yaw, self.things[n].position, self.things[n].inside)]


@lru_cache(maxsize=1)
def known_floor() -> dict[str, Any]:
    """The grid of the furnished home after a tour, as a snapshot."""
    home, grid = home_2x2(), OccupancyGrid()
    for x, y in (
        (2.5, 3.2),
        (3.7, 1.0),
        (1.2, 1.0),
        (6.2, 2.5),
        (8.8, 1.2),
        (8.7, 3.3),
        (2.5, 5.0),
        (3.0, 6.3),
        (1.2, 5.2),
        (7.3, 5.0),
        (6.2, 6.6),
        (9.0, 6.4),
    ):
        for k in range(8):
            grid.update(home.render(head_pose(x, y, k * np.pi / 4), grid.updates + 1))
        grid.mark_free((x, y), 0.3)
    return grid.snapshot()


class GridMemory:
    """A real, small belief: what was seen stays where it was seen until a look shows it is not there."""

    def __init__(self, home: GridHome, furniture: bool = True, floor: bool = True) -> None:
        self.home, self.now_ns = home, 0
        self.grid = OccupancyGrid.restore(known_floor()) if floor else OccupancyGrid()
        self._views: dict[int, ObjectView] = {}
        self._ids: dict[str, int] = {}
        self.looked: dict[tuple[int, str], float] = {}
        self.episode_log: list[Episode] = []
        self.event_log: list[Event] = []
        for name in FURNITURE if furniture else ():
            self._know_furniture(name)

    @property
    def world(self) -> GridMemory:
        """Memory and world model are one here."""
        return self

    def _id(self, name: str) -> int:
        return self._ids.setdefault(name, len(self._ids) + 1)

    def _know_furniture(self, name: str) -> None:
        label, centre, size = FURNITURE[name]
        i = self._id(name)
        self._views.setdefault(
            i, ObjectView(i, label, {label: 1.0}, np.array(centre), np.array(size), 0.0, 0.99, "confirmed", {}, 0, 0, 9, kind="furniture")
        )

    def remember(self, name: str) -> int:
        """Believe a true thing where it now is (as if seen long ago)."""
        self._see(name)
        return self._id(name)

    def _see(self, name: str) -> None:
        thing, i = self.home.things[name], self._id(name)
        old = self._views.get(i)
        if old is not None and np.linalg.norm(old.position - thing.position) > 0.3:
            self._event("moved", i)
        self._views[i] = ObjectView(
            i,
            thing.label,
            {thing.label: 1.0},
            thing.position.copy(),
            thing.size,
            0.0,
            0.95,
            "confirmed",
            {},
            old.first_seen_ns if old else self.now_ns,
            self.now_ns,
            (old.support if old else 0) + 1,
            None,
            color=thing.color,
        )

    def _event(self, kind: str, i: int) -> None:
        self.event_log.append(Event(len(self.event_log) + 1, self.now_ns, kind, i, {}, {}, label=self._views[i].label))  # type: ignore[arg-type]

    def observe(self, x: float, y: float, yaw: float, now_ns: int) -> None:
        """One frame: what shows is seen; what should show and does not loses existence."""
        self.now_ns = now_ns
        eye, names = np.array([x, y, CAMERA_M]), self.home.visible(x, y, yaw)
        for name in names:
            self._see(name)
        for name, (_, centre, size) in FURNITURE.items():
            top = np.array([centre[0], centre[1], centre[2] + size[2] / 2 + 0.05])
            if self.home.sees(eye, yaw, top, name) or (name == "fridge" and self.home.sees(eye, yaw, np.array(centre), name)):
                self._know_furniture(name)
                self.looked[self._id(name), "on"] = self.looked.get((self._id(name), "on"), 1.0) * 0.4
        for i, v in list(self._views.items()):
            absent = v.kind == "object" and v.last_seen_ns < now_ns and v.status not in ("held", "removed") and not self._inside(v)
            if absent and self.home.sees(eye, yaw, v.position):
                r = v.existence * 0.4 / (1 - 0.6 * v.existence)
                status = "removed" if r < 0.05 else "missing" if r < 0.5 else v.status
                if status == "removed":
                    self._event("removed", i)
                self._views[i] = replace(v, existence=r, status=status)

    def _inside(self, v: ObjectView) -> bool:
        return any(np.abs(v.position - np.array(FURNITURE[n][1])).max() < 0.3 for n in ("fridge",))

    # -- the verbs ---------------------------------------------------------------------------------------------------

    def objects(self) -> list[ObjectView]:
        return list(self._views.values())

    def object(self, object_id: int) -> ObjectView | None:
        return self._views.get(object_id)

    def find(self, query: str) -> Recall:
        """By label and colour words; ambiguous with several."""
        onto, words = default_ontology(), query.split(" in the ")[0].split()
        label = onto.canonical(" ".join(w for w in words if w not in ("red", "blue", "green", "white")))
        colors = {w for w in words if w in ("red", "blue", "green", "white")}
        fits = [v for v in self._views.values() if v.kind == "object" and v.label == label and (not colors or v.color in colors)]
        present = [v for v in fits if v.status not in ("missing", "removed")]
        if not fits:
            return Recall("unknown", needs=f"a sighting of a {label}")
        if len(present) > 1:
            return Recall(
                "ambiguous",
                candidates=tuple(Candidate(v.id, v.label, v.position, v.existence, v.existence, color=v.color) for v in present),
                question=f"Which {label}: {' or '.join(v.color for v in present)}?",
            )
        v = (present or fits)[0]
        return Recall("found" if present else "moved_since_seen", v.id, v.label, v.position, 0.1, v.existence, v.last_seen_ns)

    def predict(self, query: str | int) -> list[PlaceProbability]:
        """Common sense over known furniture, times every look that showed nothing."""
        query = self._views[query].label if isinstance(query, int) else query
        onto, words = default_ontology(), [w for w in query.split() if w not in ("red", "blue", "green", "white")]
        prior, rows = onto.prior(" ".join(words)), []
        for f in (v for v in self._views.values() if v.kind == "furniture"):
            p = onto.prior(f.label)
            for relation in [r for r, has in (("on", p.surface), ("inside", p.container)) if has]:
                weight = (prior.at.get(f.label, 0.0) + 0.12) * self.looked.get((f.id, relation), 1.0)
                z = f.position[2] + (f.size[2] / 2 + 0.05 if relation == "on" else 0.0)
                at = np.array([f.position[0], f.position[1], z])
                is_open = f.states.get("open", ("false", 1.0))[0] == "true"
                rows.append(
                    PlaceProbability(
                        f.id, f.label, self._room(f.position), at, weight, relation, relation == "inside" and p.openable, is_open
                    )
                )
        total = sum(r.probability for r in rows) / 0.92 or 1.0
        return [replace(r, probability=r.probability / total) for r in rows]

    def changes(self, since_ns: int = 0) -> list[Event]:
        return [e for e in self.event_log if e.stamp_ns >= since_ns]

    def add_episode(self, episode: Episode) -> None:
        self.episode_log.append(episode)

    def note_searched(self, place_id: int, stamp_ns: int) -> None:
        self.looked[place_id, "inside"] = 0.05

    def note_state(self, object_id: int, name: str, value: str) -> None:
        v = self._views[object_id]
        self._views[object_id] = replace(v, states={**v.states, name: (value, 0.97)})

    def set_held(self, object_id: int, T_map_gripper: NDArray[np.float64] | None) -> None:
        v = self._views[object_id]
        held = T_map_gripper is not None
        self._views[object_id] = replace(
            v,
            status="held" if held else "confirmed",
            last_seen_ns=self.now_ns,
            position=T_map_gripper[:3, 3].copy() if T_map_gripper is not None else v.position,
        )

    def _room(self, p: NDArray[np.float64]) -> str:
        return ROOMS[int(p[0] > 5), int(p[1] > 4)]

    def graph(self) -> Any:
        """Rooms, and what is inside a container."""
        rooms = {
            1000 + k: SimpleNamespace(id=1000 + k, label=n, position=np.array([2.5 + 5 * key[0], 2.0 + 4 * key[1] + 1.0, 0.0]))
            for k, (key, n) in enumerate(ROOMS.items())
        }
        by_name = {n.label: i for i, n in rooms.items()}

        def parent(i: int) -> tuple[int, str] | None:
            v = self._views.get(i)
            return (
                (self._id("fridge"), "inside") if v is not None and v.kind == "object" and v.status != "held" and self._inside(v) else None
            )

        return SimpleNamespace(
            nodes=lambda layer=None: list(rooms.values()),
            node=rooms.get,
            parent=parent,
            room_of=lambda i: by_name[self._room(self._views[i].position)] if i in self._views else None,
        )


class GridRobot:
    """A kinematic robot with a true pose, drift-free; skills act on what is really there."""

    radius_m, reach_m, camera_height_m = 0.28, 0.85, CAMERA_M

    def __init__(
        self, home: GridHome, memory: GridMemory, start: tuple[float, float, float] = (3.7, 1.0, 0.0), render: bool = False
    ) -> None:
        self.home, self.memory, self.render = home, memory, render
        self.x, self.y, self.yaw = start
        self.stamp_ns = NS
        self.fail_picks = 0
        self.calls: list[str] = []
        self.before_skill: Callable[[str], None] = lambda name: None

    def pose(self) -> tuple[float, float, float]:
        return self.x, self.y, self.yaw

    def now_ns(self) -> int:
        return self.stamp_ns

    def holding(self) -> bool:
        return self.home.held is not None

    def _start(self, name: str) -> None:
        self.calls.append(name)
        self.before_skill(name)

    def frame(self, seconds: float = 0.5) -> None:
        """Time passes and the camera looks ahead."""
        self.stamp_ns += round(seconds * NS)
        if self.render:
            self.memory.grid.update(self.home.world.render(head_pose(self.x, self.y, self.yaw), self.stamp_ns))
        self.memory.observe(self.x, self.y, self.yaw, self.stamp_ns)

    def follow(self, path_xy: NDArray[np.float64], final_yaw: float | None) -> SkillResult:
        self._start("follow")
        began, driven = self.stamp_ns, 0.0
        for target in path_xy:
            while (left := np.hypot(target[0] - self.x, target[1] - self.y)) > 1e-6:
                step = min(0.25, left)
                to = np.array([self.x, self.y]) + (target - [self.x, self.y]) * step / left
                if float(self.home.world.clearance(to)) < self.radius_m - 0.06:
                    self.frame()
                    return SkillResult(False, BLOCKED, (self.stamp_ns - began) / NS, driven)
                self.yaw = float(np.arctan2(to[1] - self.y, to[0] - self.x))
                self.x, self.y, driven = float(to[0]), float(to[1]), driven + step
                self.frame(step / 0.5)
        self.yaw = self.yaw if final_yaw is None else final_yaw
        self.frame()
        return SkillResult(True, "", (self.stamp_ns - began) / NS, driven)

    def look_at(self, p_map: NDArray[np.float64]) -> SkillResult:
        self._start("look_at")
        self.yaw = float(np.arctan2(p_map[1] - self.y, p_map[0] - self.x))
        for _ in range(3):
            self.frame(0.4)
        return SkillResult(True, "", 1.2)

    def _far(self, p: NDArray[np.float64], reach: float) -> bool:
        return float(np.hypot(p[0] - self.x, p[1] - self.y)) > reach

    def pick(self, p_map: NDArray[np.float64], size_m: NDArray[np.float64]) -> SkillResult:
        self._start("pick")
        self.frame(6.0)
        if self._far(p_map, self.reach_m):
            return SkillResult(False, OUT_OF_REACH, 6.0)
        near = [
            n
            for n, t in self.home.things.items()
            if np.hypot(*(t.position - p_map)[:2]) < 0.06 and (not t.inside or t.inside in self.home.open)
        ]
        if self.fail_picks > 0 or not near or self.holding():
            self.fail_picks -= 1
            return SkillResult(False, NOTHING_GRASPED, 6.0)
        self.home.held = near[0]
        self.home.things[near[0]].inside = ""
        return SkillResult(True, "", 6.0)

    def place(self, p_map: NDArray[np.float64]) -> SkillResult:
        self._start("place")
        self.frame(5.0)
        if self._far(p_map, self.reach_m):
            return SkillResult(False, OUT_OF_REACH, 5.0)
        if self.home.held is None:
            return SkillResult(False, "nothing held", 5.0)
        if any(n != self.home.held and np.abs(t.position - p_map)[:2].max() < 0.09 for n, t in self.home.things.items()):
            return SkillResult(False, SURFACE_TAKEN, 5.0)
        thing = self.home.things[self.home.held]
        fridge = np.array(FURNITURE["fridge"][1])
        thing.inside = "fridge" if np.abs(p_map - fridge)[:2].max() < 0.33 and p_map[2] < 1.6 else ""
        if thing.inside and "fridge" not in self.home.open:
            return SkillResult(False, BLOCKED, 5.0)
        thing.position = p_map + np.array([0.0, 0.0, 0.05])
        self.home.held = None
        return SkillResult(True, "", 5.0)

    def open(self, p_map: NDArray[np.float64]) -> SkillResult:
        self._start("open")
        return self._door(p_map, True)

    def close(self, p_map: NDArray[np.float64]) -> SkillResult:
        self._start("close")
        return self._door(p_map, False)

    def _door(self, p_map: NDArray[np.float64], open_it: bool) -> SkillResult:
        self.frame(4.0)
        at = next((n for n in ("fridge", "dresser") if np.hypot(*(np.array(FURNITURE[n][1]) - p_map)[:2]) < 0.4), None)
        if at is None or self._far(p_map, 1.1):
            return SkillResult(False, "nothing to open", 4.0)
        (self.home.open.add if open_it else self.home.open.discard)(at)
        return SkillResult(True, "", 4.0)
