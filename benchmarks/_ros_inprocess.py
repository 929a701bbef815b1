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
from robomem.perception.frame import RgbdFrame  # noqa: E402
from robomem.scene_graph.warm_up import warm_up  # noqa: E402
from robomem.types import Detections  # noqa: E402


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
            f, d = frames[k % len(frames)]
            start = time.process_time()
            frame = RgbdFrame(stamp_ns, f.rgb, f.depth_m, f.intrinsics, f.T_map_camera, f.camera)  # the pipeline's own door, here as there
            found = Detections(d.labels, d.scores, d.boxes_xyxy, d.masks, d.embeddings, d.states)
            door = 1000 * (time.process_time() - start)
            result = memory.observe(frame, found)
            total = 1000 * (time.process_time() - start)
            rows.append({"total": total, "pipeline": door + sum(result.stage_ms.values()), "door": door, **result.stage_ms})

        paced(args.count, args.hz, shoot)
    args.report.write_text(json.dumps(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
