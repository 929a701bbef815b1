"""The story: a robot learns a home, somebody moves the mug, the robot is asked to bring it; and its twins with less memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from robomem.clock import NS_PER_S
from robomem.evaluation.household import Household, StagedHome, Tap
from robomem.planning.report import TaskReport

ORDER = "bring the mug to the dining table"
TARGET = "dining table"
ARMS = ("memory", "map only", "nothing")
ROUNDS = 4
Say = Callable[[str], None]


@dataclass(frozen=True)
class Arm:
    """One run of the task.

    Attributes:
        ok: the truth says that the mug stands on a dining table.
        report: what the robot itself says.
    """

    name: str
    ok: bool
    report: TaskReport

    def row(self) -> dict[str, Any]:
        """Plain values for tables and pictures."""
        return {
            "name": self.name,
            "done": self.ok,
            "time_s": round(self.report.duration_s, 1),
            "distance_m": round(self.report.distance_m, 2),
            "glances": self.report.glances,
        }


@dataclass
class Story:
    """A staged home, ready for the order, and what happened.

    Attributes:
        mug_id: the memory's id of the mug before the order (None: it never saw it).
        stations: names of the furniture that held the mug, in order: truth, for the summary.
    """

    home: StagedHome
    mug_name: str
    stations: list[str] = field(default_factory=list)
    arms: list[Arm] = field(default_factory=list)
    mug_id: int | None = None
    order_ns: int = 0
    true_pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spot: Any = None
    snapshot: dict[str, Any] = field(default_factory=dict)


def stage(
    seed: int,
    database: str | Path = ":memory:",
    tap: Tap | None = None,
    rounds: int = ROUNDS,
    say: Say = lambda _t: None,
    id_salt: int = 0,
    habits: bool = True,
    home: StagedHome | None = None,
) -> Story:
    """Everything up to the order: explore, watch the home for some rounds, leave the mug's room, somebody moves it.

    Args:
        rounds: how often the robot looks at the whole home again, hours apart, while people live in it.
        home: where it all happens; a Household of its own by default.
        habits: False: the last move goes to a surface drawn evenly from the home instead of one of the mug's usual places.
    """
    home = home or Household(seed, database, tap, id_salt=id_salt)
    rng = np.random.default_rng((seed, 77))
    mug = next(name for name in home.names() if home.label(name) == "mug")
    story = Story(home, mug, [home.true_place(mug)])
    say("exploring the home")
    explored = home.explore(say)
    say(f"explored: {explored.distance_m:.0f} m driven, {explored.glances} glances, {_known(home)} objects known")
    for k in range(rounds):
        home.pass_time(4.0)
        story.stations.append(home.habit_move(mug, rng, without=(TARGET,)))
        home.patrol(None)
        say(f"round {k + 1}: looked at the home again, {_known(home)} objects known, {len(home.memory.changes())} changes on record")
    story.spot = home.choose_spot(mug, rng, habits, without=(TARGET,))
    _leave(story, story.spot, rng, say)
    _somebody_moves(story, say)
    home.world.refresh_rooms()
    found = home.memory.find("mug")
    story.mug_id = found.id
    story.order_ns = home.clock.now_ns()
    story.true_pose = home.true_pose()
    home.memory.flush()
    story.snapshot = home.world.snapshot()
    return story


def _known(home: StagedHome) -> int:
    return sum(v.status in ("confirmed", "occluded") and v.kind == "object" for v in home.memory.objects())


def _leave(story: Story, spot: Any, rng: np.random.Generator, say: Say) -> None:
    """The robot goes to a room, drawn evenly, where neither the mug is nor where it will be put."""
    home = story.home
    busy = np.array([home.home.piece(name).xy for name in (home.true_place(story.mug_name), spot.furniture)])
    taken = {home.memory_room(xy) for xy in busy}
    rooms = [n for n in home.memory.graph().nodes("room") if n.id not in taken]
    if rooms:
        room = rooms[int(rng.integers(len(rooms)))]
        say(f"the robot goes to the {room.label}")
        home.go_to_room(room)


def _somebody_moves(story: Story, say: Say) -> None:
    """A person walks in, takes the mug and puts it elsewhere, while the robot stays where it is."""
    home = story.home
    spot = story.spot
    home.person_carries(story.mug_name, spot)
    story.stations.append(home.true_place(story.mug_name))
    say("somebody has moved something")


def run_arm(story: Story, name: str, tap: Tap | None = None, say: Say = lambda _t: None, id_salt: int = 0) -> Arm:
    """Carry out the order with one of the memories; "memory" runs in the staged home itself, a twin in a copy of it."""
    home = story.home if name == "memory" else twin(story, name, tap, id_salt)
    try:
        report = home.order(ORDER, say)
        arm = Arm(name, _delivered(home, story.mug_name), report)
        story.arms.append(arm)
        return arm
    finally:
        if home is not story.home:
            home.close()


def _delivered(home: StagedHome, mug: str) -> bool:
    row = next(o for o in home.truth()["objects"] if o["name"] == mug)
    return bool(row["holder"] is None and row["furniture"] and home.label(row["furniture"]) == TARGET)


def twin(story: Story, name: str, tap: Tap | None = None, id_salt: int = 0) -> Household:
    """The same home in the same state, the robot at the same place and time, with less memory.

    "map only" keeps rooms, free space and furniture, and no object, look or move rate; "nothing" keeps nothing.
    """
    original = story.home
    copy = Household(original.seed, ":memory:", tap, id_salt=id_salt, start_ns=story.order_ns)
    copy.sim.move_object(story.mug_name, story.spot.furniture, story.spot.local)
    copy.place_robot(story.true_pose)
    if name == "map only":
        copy.world.restore(story.snapshot)
        copy.world.forget([v.id for v in copy.world.objects() if v.kind != "furniture"])
        copy.world.forget_looks()
    return copy


def speedup(arms: list[Arm], name: str) -> float:
    """Simulated time of an arm over that of "memory"; an arm that failed counts as slow as it ran."""
    times = {a.name: a.report.duration_s for a in arms}
    return times[name] / max(times["memory"], 1e-9)


def seconds(ns: int) -> float:
    """ns to s."""
    return ns / NS_PER_S
