"""A simulated home with a robot whose memory is fed by its own camera, and the story that demo and benchmarks share.

The pipeline gets frames, detections and skill results. Truth is read here only to stage the story and to score it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from robomem.clock import NS_PER_S, ManualClock
from robomem.config import RobomemConfig
from robomem.memory.robot_memory import RobotMemory
from robomem.perception.frame import RgbdFrame
from robomem.planning.executor import Executor
from robomem.planning.paths import plan_path, travel_distances
from robomem.planning.report import TaskReport
from robomem.planning.survey import SurveyReport, carry_out
from robomem.scene_graph.world_model import FrameResult, WorldModel
from robomem.types import Detections

START_NS = 1_767_600_000 * NS_PER_S  # 2026-01-05 08:00 UTC: a morning, so that "this morning" means something
HOUR_NS = 3600 * NS_PER_S
Say = Callable[[str], None]
Tap = Callable[[RgbdFrame, Detections, FrameResult, WorldModel], None]


class StagedHome(ABC):
    """What the story needs of a home, wherever robot and memory run.

    Attributes:
        home: rooms, furniture and habits, as generated from the seed: for staging and scoring only.
        memory, robot, clock: as in RobotMemory, RobotBody and Clock.
    """

    seed: int
    home: Any
    memory: Any
    robot: Any
    clock: Any

    @property
    @abstractmethod
    def world(self) -> Any:
        """The memory's world model (or what stands for it)."""

    @property
    @abstractmethod
    def frames(self) -> int:
        """Images folded in so far."""

    @abstractmethod
    def explore(self, say: Say | None = None) -> SurveyReport:
        """The robot's first hour: drive everywhere, then look at every surface."""

    @abstractmethod
    def patrol(self, say: Say | None = None) -> SurveyReport:
        """Look at every surface again."""

    @abstractmethod
    def order(self, words: str, say: Say) -> TaskReport:
        """The robot carries out an order."""

    @abstractmethod
    def pass_time(self, hours: float) -> None:
        """Hours in which nobody watches: the clock moves, the camera sleeps."""

    @abstractmethod
    def person_carries(self, name: str, spot: Any) -> None:
        """A person walks in, carries the object to a spot and leaves, while the robot stands and watches where it is."""

    @abstractmethod
    def truth(self) -> dict[str, Any]:
        """Evaluator-only ground truth."""

    @abstractmethod
    def true_pose(self) -> tuple[float, float, float]:
        """Where the robot truly is (m, m, rad). Evaluator only."""

    @abstractmethod
    def move(self, name: str, spot: Any) -> None:
        """While nobody watches, an object is put elsewhere."""

    @abstractmethod
    def free_spot(self, name: str, furniture: str, center: Any) -> Any:
        """A free spot for an object on a surface, in the furniture's own frame, or None."""

    @abstractmethod
    def reader(self) -> Any:
        """A memory to ask questions of."""

    @abstractmethod
    def model(self) -> WorldModel:
        """The world model itself, for pictures."""

    @abstractmethod
    def close(self) -> None:
        """Close memory and simulator."""

    def names(self) -> list[str]:
        """Names of the small objects."""
        return [o.name for o in self.home.objects]

    def label(self, name: str) -> str:
        """Class of an object or a piece of furniture, by its name."""
        return next(x.label for x in (*self.home.objects, *self.home.furniture) if x.name == name)

    def true_place(self, name: str) -> str:
        """Name of the furniture that truly holds an object."""
        row = next(o for o in self.truth()["objects"] if o["name"] == name)
        return str(row["furniture"])

    def choose_spot(self, name: str, rng: np.random.Generator, habits: bool = True, without: tuple[str, ...] = ()) -> Any:
        """Where a person puts an object next: another of its usual places by their weights, or (no habits) any open surface evenly.

        Args:
            without: labels of furniture that it is not put on.
        """
        from robomem_sim.home import Spot

        here = self.true_place(name)
        if habits:
            spots = [s for s in self.home.habits[name] if s.furniture != here and self.label(s.furniture) not in without]
            weights = np.array([s.weight for s in spots])
            return spots[int(rng.choice(len(spots), p=weights / weights.sum()))]
        pieces = [f for f in self.home.furniture if f.name != here and f.label not in (*without, "chair")]
        for k in rng.permutation(len(pieces)):
            for surface in pieces[int(k)].model.surfaces:
                spot = None if surface.closed else self.free_spot(name, pieces[int(k)].name, surface.center)
                if spot is not None:
                    return Spot(pieces[int(k)].name, spot)
        return self.choose_spot(name, rng, True, without)

    def habit_move(self, name: str, rng: np.random.Generator, without: tuple[str, ...] = ()) -> str:
        """While nobody watches, a person puts an object at another of its usual places. Returns the furniture's name."""
        spot = self.choose_spot(name, rng, True, without)
        self.move(name, spot)
        return str(spot.furniture)

    def memory_room(self, xy: Any) -> int | None:
        """The memory's room at a point (m)."""
        return self.model().rooms.room_at(np.array([*xy, 0.0]))

    def go_to_room(self, room: Any) -> None:
        """Drive to the free place of a room nearest to its middle, and wait there."""
        model, robot = self.model(), self.robot
        grid = model.grid
        field = travel_distances(grid, robot.pose()[:2], robot.radius_m)
        cells = np.argwhere(np.isfinite(field))
        xy = grid.to_xy(cells)
        inside = [k for k in range(len(xy)) if model.rooms.room_at(np.array([*xy[k], 0.0])) == room.id]
        if inside:
            goal = xy[min(inside, key=lambda k: float(np.linalg.norm(xy[k] - room.position[:2])))]
            path = plan_path(grid, robot.pose()[:2], goal, robot.radius_m)
            if path is not None:
                robot.follow(path, None)


class Household(StagedHome):
    """One home, one robot, one memory.

    Args:
        seed: of the home, the people, the noise and the filter.
        database: file of the memory, or ":memory:".
        tap: called after every observed frame (recordings, evaluators).
        id_salt: changes every simulator id and nothing else.
        on_truth: evaluator only: what was truly in each image.
    """

    def __init__(
        self,
        seed: int,
        database: str | Path = ":memory:",
        tap: Tap | None = None,
        id_salt: int = 0,
        config: RobomemConfig | None = None,
        start_ns: int = START_NS,
        on_truth: Callable[..., None] | None = None,
    ) -> None:
        from robomem_sim.household import generate_home
        from robomem_sim.robot import SimRobot
        from robomem_sim.world import World

        self.seed = seed
        self.home = generate_home(seed)
        self.sim = World(self.home, id_salt=id_salt)
        self.clock = ManualClock(start_ns)
        self.memory = RobotMemory.open(database, config=config, clock=self.clock, seed=seed)
        self.tap = tap
        self._frames = 0
        self.robot = SimRobot(self.sim, seed, self._on_frame, self.clock, on_truth=on_truth)

    @property
    def world(self) -> Any:
        """The memory's world model."""
        return self.memory.world

    @property
    def frames(self) -> int:
        """Images folded in so far."""
        return self._frames

    def model(self) -> WorldModel:
        """The memory's world model."""
        return self.world

    def reader(self) -> Any:
        """The memory itself."""
        return contextlib.nullcontext(self.memory)

    def _on_frame(self, frame: RgbdFrame, detections: Detections) -> None:
        result = self.memory.observe(frame, detections)
        self._frames += 1
        if self.tap is not None and result is not None:
            self.tap(frame, detections, result, self.world)

    def close(self) -> None:
        """Close the memory and the simulator."""
        self.memory.close()
        self.robot.shut_down()
        self.sim.close()

    # -- the story ---------------------------------------------------------------------------------------------------

    def explore(self, say: Say | None = None) -> SurveyReport:
        """The robot's first hour: drive everywhere, then look at every surface."""
        return self._survey("explore", say)

    def patrol(self, say: Say | None = None) -> SurveyReport:
        """Look at every surface again."""
        return self._survey("patrol", say)

    def _survey(self, order: str, say: Say | None) -> SurveyReport:
        report = carry_out(order, self.world, self.robot, say, remember=self.memory.add_episode)
        return SurveyReport(report.duration_s, report.distance_m, report.glances, report.ok)

    def pass_time(self, hours: float) -> None:
        """Hours in which nobody watches: the clock moves, the camera sleeps."""
        self.clock.advance(hours * 3600)

    def truth(self) -> dict[str, Any]:
        """Evaluator-only ground truth."""
        return self.sim.truth()

    def order(self, words: str, say: Say) -> TaskReport:
        """The robot carries out an order; nobody is there to answer: of several that fit the likeliest is taken, and the report says so."""
        planning = dataclasses.replace(self.memory.config.planning, on_ambiguous="best")
        return Executor(self.memory, self.robot, planning, rng=np.random.default_rng(self.seed), on_progress=say).run(words)

    def true_pose(self) -> tuple[float, float, float]:
        """Where the robot truly is. Evaluator only."""
        return self.robot.true_pose()

    def move(self, name: str, spot: Any) -> None:
        """While nobody watches, an object is put elsewhere."""
        self.sim.move_object(name, spot.furniture, spot.local)

    def free_spot(self, name: str, furniture: str, center: Any) -> Any:
        """A free spot on a surface."""
        return self.sim.free_spot(name, furniture, center)

    def person_carries(self, name: str, spot: Any) -> None:
        """A person walks in, carries the object to a spot and leaves, while the robot stands and watches where it is."""
        person = self.sim.people[0] if self.sim.people else self._person()
        person.schedule_move(name, spot, self.clock.now_ns())
        for _ in range(240):
            self.robot.wait(1.0)
            if not person.busy:
                return

    def _person(self) -> Any:
        from robomem_sim.people import Person

        return Person(self.sim)

    def place_robot(self, true_pose: tuple[float, float, float]) -> None:
        """Start from another robot's true pose (m, m, rad)."""
        self.robot.put_at(true_pose)
