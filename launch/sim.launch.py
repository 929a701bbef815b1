"""A simulated home with its robot and the whole stack: `ros2 launch robomem sim.launch.py seed:=3 rviz:=true`; then `robomem do "..."`."""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode, Node, SetParameter
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

ARGUMENTS = (
    ("seed", "0", "of home, people and noise"),
    ("idle", "true", "let simulated time pass while the robot has nothing to do"),
    ("database", "robomem_sim.db", "file of the memory"),
    ("backup_folder", "backups", "where the backup service may write"),
    ("rviz", "false", "true: RViz with camera, tf and what is remembered"),
)


def generate_launch_description() -> LaunchDescription:
    """Simulator, memory, world model and planner, all on simulated time, configured and activated at start."""
    value = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    share = FindPackageShare("robomem")
    sim = LifecycleNode(
        package="robomem",
        executable="robomem_sim",
        name="sim",
        namespace="",
        output="screen",
        parameters=[{"seed": value["seed"], "idle": value["idle"], "autostart": True}],
    )
    stack = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "robomem.launch.py"])),
        launch_arguments={
            "database": value["database"],
            "backup_folder": value["backup_folder"],
            "planner": "true",
            "base": "action",
            "drive_action": "drive_base",
            "head": "action",
            "hand": "action",
        }.items(),
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        condition=IfCondition(value["rviz"]),
        arguments=["-d", PathJoinSubstitution([share, "config", "robomem.rviz"])],
    )
    declared = [DeclareLaunchArgument(name, default_value=default, description=about) for name, default, about in ARGUMENTS]
    return LaunchDescription([*declared, SetParameter(name="use_sim_time", value=True), sim, stack, rviz])
