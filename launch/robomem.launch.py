"""World model and memory on a robot: `ros2 launch robomem robomem.launch.py rgb:=/camera/color/image_raw ...`; tests check its form."""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode

from launch import LaunchDescription

ARGUMENTS = (
    ("database", "robomem.db", "file of the memory"),
    ("backup_folder", "backups", "where the backup service may write"),
    ("map_frame", "map", "frame of every position; the localiser publishes it"),
    ("camera_frame", "", "optical frame; empty: the image header's"),
    ("wait_for_detections", "true", "fold in only images that a detector has looked at"),
    ("rgb", "rgb/image", "sensor_msgs/Image, rgb8 or bgr8"),
    ("depth", "depth/image", "sensor_msgs/Image, 16UC1 mm or 32FC1 m, registered to the colour image"),
    ("camera_info", "camera_info", "sensor_msgs/CameraInfo of both"),
    ("detections", "detections", "robomem_msgs/DetectionMasks"),
)


def generate_launch_description() -> LaunchDescription:
    """Both nodes, configured and activated at start."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    memory = LifecycleNode(
        package="robomem",
        executable="robomem_memory",
        name="memory",
        namespace="",
        output="screen",
        parameters=[
            {"database": value["database"], "backup_folder": value["backup_folder"], "frame": value["map_frame"], "autostart": True}
        ],
    )
    world_model = LifecycleNode(
        package="robomem",
        executable="robomem_world_model",
        name="world_model",
        namespace="",
        output="screen",
        parameters=[
            {
                "map_frame": value["map_frame"],
                "camera_frame": value["camera_frame"],
                "wait_for_detections": value["wait_for_detections"],
                "autostart": True,
            }
        ],
        remappings=[
            ("rgb/image", value["rgb"]),
            ("depth/image", value["depth"]),
            ("camera_info", value["camera_info"]),
            ("detections", value["detections"]),
        ],
    )
    declared = [DeclareLaunchArgument(name, default_value=default, description=about) for name, default, about in ARGUMENTS]
    return LaunchDescription([*declared, memory, world_model])
