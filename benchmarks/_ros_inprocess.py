"""The pipeline without ROS on the same images at the same pace, in its own process: what the world_model node's CPU is held against."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from robomem.nodes.environment import prepare_ros_environment

prepare_ros_environment()

from benchmarks._ros_camera import paced  # noqa: E402  the environment comes first
from benchmarks._ros_sequence import Sequence  # noqa: E402
from robomem.memory.robot_memory import RobotMemory  # noqa: E402
from robomem.scene_graph.warm_up import warm_up  # noqa: E402


def main() -> int:
    """Entry point of the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True, help="a recorded sequence")
    parser.add_argument("--database", type=Path, required=True, help="a copy of the memory that the node started from")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--hz", type=float, required=True)
    parser.add_argument("--report", type=Path, required=True)
    args = parser.parse_args()
    warm_up()
    seq = Sequence.load(args.folder)
    frames = [seq.frame(k, 0) for k in range(len(seq))]
    rows: list[dict[str, float]] = []
    with RobotMemory.open(args.database) as memory:
        assert memory.world is not None  # restored here, not in the first frame

        def shoot(k: int, stamp_ns: int) -> None:
            frame, found = frames[k % len(frames)]
            object.__setattr__(frame, "stamp_ns", stamp_ns)  # a copy would be the camera's work, not the pipeline's
            start = time.process_time()
            result = memory.observe(frame, found)
            total = 1000 * (time.process_time() - start)
            rows.append({"total": total, "pipeline": sum(result.stage_ms.values()), **result.stage_ms})

        paced(args.count, args.hz, shoot)
    args.report.write_text(json.dumps(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
