"""One tree of dataclasses with defaults and units; YAML overrides it; an unknown key is an error that names its neighbour."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from robomem.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class PerceptionConfig:
    """Masks and depth to observations."""

    min_pixels: int = 40  # own pixels with valid depth, below which a detection is not lifted
    max_range_m: float = 5.0  # depth beyond is not used for objects
    min_score: float = 0.3
    voxel_m: float = 0.01  # cloud down-sampling before the box (grows with the object)
    sigma_z_at_1m: float = 0.0025  # depth noise, m; grows with z^2


@dataclass(frozen=True)
class BeliefConfig:
    """The particle tracker."""

    particles: int = 100
    max_tracks: int = 2000
    confirm_existence: float = 0.9
    confirm_support: int = 3
    missing_existence: float = 0.35
    remove_existence: float = 0.05
    birth_existence: float = 0.35
    clutter_density: float = 0.02  # expected false observations per m^3 in view
    gate_m: float = 0.35  # metres, added to the statistical gate for small things
    depth_margin_m: float = 0.10
    view_cell_m: float = 0.25  # views nearer than this (and within view_cell_rad) are one viewpoint
    view_cell_rad: float = 0.26
    people_end_s: float = 6.0  # s out of sight after which a person has left: whoever comes next is someone new
    keep_people: bool = False  # know people again by their looks; off, nothing of a person outlives the sight


@dataclass(frozen=True)
class GraphConfig:
    """The scene graph above the belief."""

    grid_m: float = 0.05  # cell of the 2-D occupancy grid, m
    grid_max_m2: float = 6400.0  # the floor plan's rectangle does not grow beyond this area; 14 kB per m^2 at 5 cm
    grid_max_side_m: float = 150.0  # a frame so far away that the plan would be longer is refused: its pose is wrong
    moved_m: float = 0.30  # a re-observed object further than this has moved
    room_door_m: float = 1.1  # free-space necks narrower than this separate rooms


@dataclass(frozen=True)
class MemoryConfig:
    """Tiers and store."""

    timezone: str = "UTC"
    commit_interval_s: float = 0.1
    max_observations: int = 200_000  # rows; past detail goes first, the last sighting of an object never
    max_events: int = 200_000
    max_stays: int = 100_000
    max_bytes: int = 0  # of the database file; 0 = no bound
    max_episodes: int = 10_000
    short_term_capacity: int = 32
    abstain_below: float = 0.25


@dataclass(frozen=True)
class PlanningConfig:
    """Executor caps."""

    max_steps: int = 120
    max_replans: int = 20
    max_seconds: float = 1200.0  # on the robot's clock
    loop_repeats: int = 3
    llm_url: str = ""  # OpenAI-compatible base URL; empty = offline
    llm_model: str = ""
    llm_timeout_s: float = 20.0
    llm_max_tokens: int = 1024
    on_ambiguous: str = "ask"  # "ask" ends with one question, "best" takes the likeliest and says so
    pick_retries: int = 2  # looks and grasps after the first failed one
    leg_m: float = 2.0  # a drive is cut into legs of this length; memory is asked between them
    drive_mps: float = 0.4  # for expected costs: average speed with turns
    glance_s: float = 3.0  # for expected costs: turning to a place and looking
    open_s: float = 12.0  # for expected costs: opening and closing a container
    glance_detects: float = 0.85  # P(a thing that is there is seen by one look at its place)
    find_value_s: float = 3000.0  # what finding a thing is worth, in robot seconds: decides when to stop looking
    safety_file: str = ""  # empty = the packaged safety.yaml


@dataclass(frozen=True)
class RobomemConfig:
    """Everything that can be set."""

    seed: int = 0
    perception: PerceptionConfig = field(default_factory=PerceptionConfig)
    belief: BeliefConfig = field(default_factory=BeliefConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    planning: PlanningConfig = field(default_factory=PlanningConfig)


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str = "config") -> T:
    """Build a config dataclass from nested plain values.

    Raises:
        ConfigError: an unknown key (with the nearest known name) or a value of the wrong type.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected a mapping, got {type(values).__name__}")
    hints = get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    out: dict[str, Any] = {}
    for key, value in values.items():
        if key not in names:
            near = difflib.get_close_matches(str(key), names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(names)}"
            raise ConfigError(f"{where}: unknown key '{key}'; {hint}")
        want = hints[key]
        if dataclasses.is_dataclass(want):
            out[key] = from_mapping(want, value, f"{where}.{key}")  # type: ignore[type-var]
        elif want is float and isinstance(value, int) and not isinstance(value, bool):
            out[key] = float(value)
        elif want in (int, float, str, bool) and type(value) is not want:
            raise ConfigError(f"{where}.{key}: expected {want.__name__}, got {value!r}")
        else:
            out[key] = value
    return cls(**out)


def of_environment() -> RobomemConfig:
    """The configuration of this process: the file named by the variable ROBOMEM_CONFIG, else every default.

    Raises:
        ConfigError: as `load`.
    """
    return load(os.environ.get("ROBOMEM_CONFIG") or None)


def load(path: str | Path | None = None) -> RobomemConfig:
    """The configuration tree, overridden by a YAML file if one is given.

    Raises:
        ConfigError: the file is missing, not YAML, or holds unknown keys.
    """
    if path is None:
        return RobomemConfig()
    import yaml

    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error}") from error
    return from_mapping(RobomemConfig, values or {}, str(path))
