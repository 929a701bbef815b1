"""robomem on a robot: `ros2 launch robomem robomem.launch.py robot:=FILE planner:=true rgb:=/camera/color/image_raw ...`."""

from __future__ import annotations

from typing import Any

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription
from robomem.nodes.supervisor import read_config

ARGUMENTS = (
    ("robot", "", "a file like config/robots/generic_nav2.yaml, the same that `robomem up` takes; arguments win over it"),
    ("database", "robomem.db", "file of the memory"),
    ("backup_folder", "backups", "where the backup service may write"),
    ("map_frame", "map", "frame of every position; the localiser publishes it"),
    ("base_frame", "base_link", "frame of the base"),
    ("camera_frame", "", "optical frame; empty: the image header's"),
    ("wait_for_detections", "true", "fold in only images that a detector has looked at"),
    ("rgb", "rgb/image", "sensor_msgs/Image, rgb8 or bgr8"),
    ("depth", "depth/image", "sensor_msgs/Image, 16UC1 mm or 32FC1 m, registered to the colour image"),
    ("camera_info", "camera_info", "sensor_msgs/CameraInfo of both"),
    ("detections", "detections", "robomem_msgs/DetectionMasks"),
    ("detector", "false", "true: also the packaged detector (80 COCO classes), which publishes `detections`"),
    ("planner", "false", "true: also the planner, which drives the robot (action execute_task)"),
    ("base", "nav2", "what drives: nav2 (nav2_msgs/NavigateToPose) or action (robomem_msgs/DriveBase)"),
    ("drive_action", "navigate_to_pose", "name of the action that drives"),
    ("head", "turn", "what looks: turn (the base turns), trajectory (pan and tilt joints; robot:= names them) or action"),
    ("hand", "none", "what grasps: none, gripper (robot:= says more) or action (robomem_msgs/ManipulateObject)"),
)
OWN = {"planner": {"camera_frame"}}  # of the moving head; not the argument of that name, which is the world model's
REMAPPED = {"rgb/image": "rgb", "depth/image": "depth", "camera_info": "camera_info", "detections": "detections"}


def take_robot(context: Any, more: dict[str, dict[str, Any]]) -> None:
    """The robot's file: what is an argument becomes that argument's default, everything else goes to its node through `more`."""
    known, given = {name for name, _, _ in ARGUMENTS}, context.launch_configurations
    for spec in read_config(given["robot"]) if given.get("robot") else ():
        if spec.name in ("detector", "planner"):
            given.setdefault(spec.name, "true")
        named = {**spec.parameters, **{REMAPPED[k]: v for k, v in spec.remap.items() if k in REMAPPED}}
        for key, v in named.items():
            if key in known and key not in OWN.get(spec.name, ()):
                given.setdefault(key, str(v).lower() if isinstance(v, bool) else str(v))
            else:
                more.setdefault(spec.name, {})[key] = v


def nodes(_context: Any, more: dict[str, dict[str, Any]]) -> list[LifecycleNode]:
    """The nodes, once every argument has its value."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    text = {name: ParameterValue(v, value_type=str) for name, v in value.items()}
    common = {"package": "robomem", "namespace": "", "output": "screen"}
    memory = LifecycleNode(
        executable="robomem_memory",
        name="memory",
        parameters=[
            {"database": text["database"], "backup_folder": text["backup_folder"], "frame": text["map_frame"], "autostart": True},
            more.get("memory", {}),
        ],
        **common,
    )
    world_model = LifecycleNode(
        executable="robomem_world_model",
        name="world_model",
        parameters=[
            {
                "map_frame": text["map_frame"],
                "camera_frame": text["camera_frame"],
                "wait_for_detections": value["wait_for_detections"],
                "autostart": True,
            },
            more.get("world_model", {}),
        ],
        remappings=[
            ("rgb/image", value["rgb"]),
            ("depth/image", value["depth"]),
            ("camera_info", value["camera_info"]),
            ("detections", value["detections"]),
        ],
        **common,
    )
    detector = LifecycleNode(
        executable="robomem_detector",
        name="detector",
        condition=IfCondition(value["detector"]),
        parameters=[{"autostart": True}, more.get("detector", {})],
        remappings=[("rgb/image", value["rgb"]), ("detections", value["detections"])],
        **common,
    )
    planner = LifecycleNode(
        executable="robomem_planner",
        name="planner",
        condition=IfCondition(value["planner"]),
        parameters=[
            {
                "map_frame": text["map_frame"],
                "base_frame": text["base_frame"],
                "base": text["base"],
                "drive_action": text["drive_action"],
                "head": text["head"],
                "hand": text["hand"],
                "autostart": True,
            },
            more.get("planner", {}),
        ],
        **common,
    )
    return [memory, world_model, detector, planner]


def generate_launch_description() -> LaunchDescription:
    """Memory and world model, detector and planner if wanted; configured and activated at start."""
    more: dict[str, dict[str, Any]] = {}
    declared = [DeclareLaunchArgument(name, default_value=default, description=about) for name, default, about in ARGUMENTS]
    return LaunchDescription([OpaqueFunction(function=take_robot, args=[more]), *declared, OpaqueFunction(function=nodes, args=[more])])
