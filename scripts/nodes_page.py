"""Writes docs/nodes.md: what every node takes, gives and can be set to, read from the nodes themselves (needs ROS 2; `make setup`)."""

from __future__ import annotations

import importlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NODES = ("world_model", "memory", "planner", "detector", "recorder", "viewer")
QOS = {
    "sensor": "best effort, keep the last 5",
    "newest": "best effort, keep the last 1",
    "objects": "reliable, keep the last 5",
    "delta": "reliable, keep the last 50",
    "snapshot": "reliable, transient local, keep the last 1",
    "tf": "reliable, keep the last 100 (static: transient local)",
    "clock": "best effort, keep the last 1",
    "diagnostics": "reliable, keep the last 5",
}
ROWS = {  # node: (direction, name, type, quality of service, what)
    "world_model": (
        ("in", "rgb/image", "sensor_msgs/Image", "sensor", "rgb8 or bgr8"),
        ("in", "depth/image", "sensor_msgs/Image", "sensor", "16UC1 mm or 32FC1 m, registered to the colour image"),
        ("in", "camera_info", "sensor_msgs/CameraInfo", "sensor", "of both; no distortion is undone here"),
        ("in", "detections", "robomem_msgs/DetectionMasks", "objects", "with the image's own stamp"),
        ("in", "/tf, /tf_static", "tf2_msgs/TFMessage", "tf", "from map to the camera; a jump of map -> odom moves what is remembered"),
        ("out", "graph/delta", "robomem_msgs/GraphDelta", "delta", "what an image changed, from_seq to to_seq; after a gap ask get_graph"),
        ("out", "graph/snapshot", "robomem_msgs/GraphSnapshot", "snapshot", "the whole graph, for who joins late"),
        ("out", "objects", "robomem_msgs/TrackedObjects", "objects", "every object as believed, after each image"),
        ("out", "markers", "visualization_msgs/MarkerArray", "objects", "for RViz, when somebody listens"),
        ("service", "~/get_graph", "robomem_msgs/GetGraph", "", "a snapshot now"),
        ("service", "~/get_space, ~/predict, ~/set_held, ~/note_state", "robomem_msgs/...", "", "what a planner reads and tells"),
    ),
    "memory": (
        ("service", "~/find, ~/where_was, ~/what_is_in, ~/changes, ~/predict, ~/episodes", "robomem_msgs/...", "", "questions"),
        ("service", "~/add_episode, ~/correct, ~/forget, ~/backup", "robomem_msgs/...", "", "what changes the memory"),
        ("service", "~/write_batch, ~/write_world, ~/read_world", "robomem_msgs/...", "", "the world model's own: numbered, acknowledged"),
    ),
    "planner": (
        ("action", "execute_task", "robomem_msgs/ExecuteTask", "", "a sentence; feedback per step, cancel; the newest task pre-empts"),
        ("uses", "drive_base or navigate_to_pose", "robomem_msgs/DriveBase, nav2_msgs/NavigateToPose", "", "parameter `base`"),
        ("uses", "look_at or a trajectory", "robomem_msgs/LookAt, control_msgs/FollowJointTrajectory", "", "parameter `head`"),
        ("uses", "manipulate_object or a gripper", "robomem_msgs/ManipulateObject, control_msgs/GripperCommand", "", "parameter `hand`"),
    ),
    "detector": (
        ("in", "rgb/image", "sensor_msgs/Image", "newest", ""),
        ("out", "detections", "robomem_msgs/DetectionMasks", "objects", "COCO classes, boxes and no masks, with the image's header"),
    ),
    "recorder": (("in", "parameter `topics`", "any", "", "as received, with the publisher's type and quality of service"),),
    "viewer": (("in", "as world_model gives and takes", "", "", "it only listens, and asks get_graph and changes"),),
}
HEAD = """# The nodes: topics, services, parameters

Written by `make docs` from the nodes themselves; a test holds it to them. Names are relative and can be remapped.

- Every node is a lifecycle node; `autostart:=true` configures and activates it without a supervisor.
- Once a second it tells on `/diagnostics` ({diagnostics}) what it rejected or dropped, by reason.
- The messages are documented field by field in `msgs/robomem_msgs`. Frames follow REP-105; quaternions on the wire are xyzw,
  positions metres in `map_frame`.
- The simulator (`robomem_sim.sim_node`) publishes what a robot's drivers would, and offers drive_base, look_at and manipulate_object.
"""


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, tuple("---" for _ in head), *rows)]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    out = [HEAD.format(diagnostics=QOS["diagnostics"])]
    for name in NODES:
        module = importlib.import_module(f"robomem.nodes.{name}")
        said = (module.__doc__ or "").strip().splitlines()[0]
        out.append(f"\n## {name}\n\n{said}\n")
        rows = [
            (way, f"`{topic}`" if "parameter" not in topic else topic, kind, QOS.get(q, ""), what)
            for way, topic, kind, q, what in ROWS[name]
        ]
        out.append(table(("", "name", "type", "quality of service", "what"), rows))
        parameters = []
        for p in (*module.PARAMETERS, *getattr(module, "PARTS", ())):
            span = f"{p.low} to {p.high}" if p.low is not None and p.high is not None else ""
            parameters.append((f"`{p.name}`", f"`{p.default!r}`", span, p.about.replace("|", "/")))
        out.append(table(("parameter", "default", "range", "what"), parameters))
    return "\n".join(out)


if __name__ == "__main__":
    (ROOT / "docs" / "nodes.md").write_text(page(), encoding="utf-8")
