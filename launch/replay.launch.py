"""A bag into memory and world model, on the bag's own time: `ros2 launch robomem replay.launch.py bag:=kitchen.mcap rviz:=true`.

Plays the file with `ros2 bag play --clock` and leaves the nodes up afterwards, so that the memory can be asked. For a memory without ROS,
as fast as the machine can, `robomem replay BAG` reads the same file. A recorded RGB-D folder becomes a bag by `robomem convert`.
"""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node, SetParameter
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

ARGUMENTS = (
    ("bag", "", "file (.mcap) or folder to play; a bag that holds /clock itself is recorded simulation: leave out that topic"),
    ("rate", "1.0", "how fast, 1.0 = as recorded"),
    ("delay", "8.0", "s before the bag starts: the nodes come up first, and late messages of a bag do not come again"),
    ("database", "robomem_replay.db", "file of the memory"),
    ("map_frame", "map", "frame of every position; the bag's /tf must hold it"),
    ("camera_frame", "", "optical frame; empty: the image header's"),
    ("detector", "true", "the packaged detector looks at the images; false: the bag holds detections"),
    ("wait_for_detections", "true", "fold in only images that a detector has looked at"),
    ("rgb", "rgb/image", "sensor_msgs/Image in the bag"),
    ("depth", "depth/image", "sensor_msgs/Image in the bag, registered to the colour image"),
    ("camera_info", "camera_info", "sensor_msgs/CameraInfo of both"),
    ("detections", "detections", "robomem_msgs/DetectionMasks"),
    ("rviz", "false", "true: RViz with camera, tf and what is remembered"),
)


def generate_launch_description() -> LaunchDescription:
    """Memory and world model on the bag's time, and the player."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    share = FindPackageShare("robomem")
    player = ExecuteProcess(
        cmd=["ros2", "bag", "play", value["bag"], "--clock", "--rate", value["rate"], "--delay", value["delay"]], output="screen"
    )
    stack = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "robomem.launch.py"])),
        launch_arguments={
            "database": value["database"],
            "map_frame": value["map_frame"],
            "camera_frame": value["camera_frame"],
            "detector": value["detector"],
            "wait_for_detections": value["wait_for_detections"],
            "rgb": value["rgb"],
            "depth": value["depth"],
            "camera_info": value["camera_info"],
            "detections": value["detections"],
        }.items(),
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        condition=IfCondition(value["rviz"]),
        arguments=["-d", PathJoinSubstitution([share, "config", "robomem.rviz"])],
    )
    declared = [DeclareLaunchArgument(name, default_value=default, description=about) for name, default, about in ARGUMENTS]
    return LaunchDescription([*declared, SetParameter(name="use_sim_time", value=True), stack, player, rviz])
