"""The simulated home with every part a process: simulator, world model, memory and planner as ROS 2 nodes under one supervisor."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from robomem.config import of_environment
from robomem.errors import InvalidInputError, RobomemError
from robomem.evaluation.household import HOUR_NS, START_NS, Say, StagedHome
from robomem.ids import IdAllocator
from robomem.memory.robot_memory import RobotMemory
from robomem.planning.report import TaskReport
from robomem.planning.survey import SurveyReport
from robomem.scene_graph.world_model import WorldModel

WATCH_S = 0.2


class _SimClock:
    """The simulator's clock, as it said last."""

    def __init__(self, start_ns: int) -> None:
        self.ns = start_ns

    def now_ns(self) -> int:
        return self.ns


class RemoteHousehold(StagedHome):
    """Starts the nodes, keeps them alive, and offers what the story needs.

    Args:
        seed: of home, people, noise and filter.
        database: file of the memory.
        logs: folder for one log per node.
        recording: a rerun file that the world model writes, or None.
        say: told what the supervisor does.
        start_ns: the simulator's first time; later than the newest image of a database that is not new.
    """

    def __init__(
        self,
        seed: int,
        database: Path,
        logs: Path,
        recording: Path | None = None,
        id_salt: int = 0,
        say: Say = lambda _t: None,
        start_ns: int = START_NS,
    ) -> None:
        from robomem.nodes.environment import prepare_ros_environment

        prepare_ros_environment(local_only=True)
        from robomem.nodes.director import Director
        from robomem.nodes.supervisor import NodeSpec, Supervisor
        from robomem_sim.household import generate_home

        self.seed, self.home, self.database = seed, generate_home(seed), Path(database)
        specs = [
            NodeSpec(
                "sim", "robomem_sim.sim_node", {"seed": seed, "id_salt": id_salt, "start_ns": start_ns, "lockstep": True, "idle": False}
            ),
            NodeSpec("memory", "robomem.nodes.memory", {"database": str(self.database), "seed": seed}),
            NodeSpec("world_model", "robomem.nodes.world_model", {"seed": seed, "recording": str(recording or "")}),
            NodeSpec("planner", "robomem.nodes.planner", {"use_sim_time": True}),
        ]
        self.supervisor = Supervisor(specs, logs, say)
        self.supervisor.start()
        self.director = Director()
        self.clock = _SimClock(start_ns)
        self.director.use_clock(self.clock.now_ns)
        self.memory, self.robot = self.director.memory, self.director.body
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        self.path: list[np.ndarray] = []

    def _watch(self) -> None:
        while not self._over.is_set():
            self.supervisor.watch(WATCH_S)
            try:
                self.path.append(self.director.base_xy())
            except RobomemError:  # no transform yet: the path simply begins later
                continue

    @property
    def world(self) -> Any:
        """The world model behind its services."""
        return self.memory.world

    @property
    def frames(self) -> int:
        """Images folded in so far."""
        return self.model().tracker._frames

    def model(self) -> WorldModel:
        """A copy of the world model as it is now."""
        out = WorldModel(of_environment(), IdAllocator(), np.random.default_rng(self.seed))
        out.restore(self.world.snapshot())
        out.refresh_rooms()
        return out

    def reader(self) -> Any:
        """The database itself, read beside its writer."""
        self.memory.flush()
        return RobotMemory.open(self.database, read_only=True, clock=self.clock)

    def _sync(self) -> dict[str, Any]:
        """Take over the simulator's clock."""
        pose = self.director.control("pose")
        self.clock.ns = int(pose["now_ns"])
        return pose

    def _task(self, words: str, say: Say | None) -> TaskReport:
        report = self.director.do(words, say or (lambda _t: None))
        self._sync()
        return report

    def explore(self, say: Say | None = None) -> SurveyReport:
        """By the planner's "explore the home"."""
        return _survey(self._task("explore the home", say))

    def patrol(self, say: Say | None = None) -> SurveyReport:
        """By the planner's "patrol the home"."""
        return _survey(self._task("patrol the home", say))

    def order(self, words: str, say: Say) -> TaskReport:
        """By the planner."""
        return self._task(words, say)

    def pass_time(self, hours: float) -> None:
        """The clock jumps."""
        self._sync()
        self.director.control("pass_time", until_ns=self.clock.ns + int(hours * HOUR_NS))
        self._sync()

    def person_carries(self, name: str, spot: Any) -> None:
        """A person walks in, carries the object to a spot and leaves; the robot stands and watches."""
        self.director.control("carry", object=name, furniture=spot.furniture, local=np.asarray(spot.local))
        for _ in range(240):
            self._sync()
            said = self.director.control("wait", until_ns=self.clock.ns + 10**9)
            if not said["busy"]:
                break
        self._sync()
        self.world.wait_for(int(said["frame_ns"]), 5.0)

    def truth(self) -> dict[str, Any]:
        """Evaluator-only ground truth."""
        return self.director.control("truth")

    def true_pose(self) -> tuple[float, float, float]:
        """Where the robot truly is. Evaluator only."""
        x, y, yaw = self._sync()["true_pose"]
        return float(x), float(y), float(yaw)

    def move(self, name: str, spot: Any) -> None:
        """While nobody watches, an object is put elsewhere."""
        self.director.control("move", object=name, furniture=spot.furniture, local=np.asarray(spot.local))

    def free_spot(self, name: str, furniture: str, center: Any) -> Any:
        """Not offered over the wire: the story uses habits only."""
        raise InvalidInputError("a free spot is known to the simulator in this process only; stage the story with habits=True")

    def close(self) -> None:
        """Stop every node, last first."""
        self._over.set()
        self._watcher.join(10.0)
        self.director.close()
        self.supervisor.stop()


def _survey(report: TaskReport) -> SurveyReport:
    return SurveyReport(report.duration_s, report.distance_m, report.glances, report.ok)
