"""Snapshot: the world model as plain arrays and JSON, so that a restarted robot goes on with the same ids. No pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robomem.belief.existence import Evidence
from robomem.belief.extended import VoxelBody
from robomem.belief.labels import LabelBelief
from robomem.belief.roster import Roster
from robomem.belief.states import StateBelief
from robomem.belief.track import Track
from robomem.errors import InvalidInputError
from robomem.scene_graph.graph import SceneGraph
from robomem.scene_graph.occupancy import OccupancyGrid
from robomem.scene_graph.whereabouts import Surface

if TYPE_CHECKING:
    from robomem.scene_graph.world_model import WorldModel

FORMAT = 1
Arrays = dict[str, NDArray[np.generic]]


def pack(world: WorldModel) -> Arrays:
    """Plain arrays; JSON parts as UInt8."""
    tracker = world.tracker
    tracks = [tracker.tracks[i] for i in sorted(tracker.tracks)]
    out: Arrays = {f"track_{k}": v for k, v in tracker.table.arrays([t.row for t in tracks]).items()}
    for i, t in enumerate(tracks):
        if t.embedding.size:
            out[f"embedding_{i}"] = t.embedding
        if t.body is not None:
            out[f"voxels_{i}"], out[f"voxel_counts_{i}"] = t.body.keys, t.body.counts
            out[f"voxel_frame_{i}"] = t.body.T_map_voxels
    out |= pack_space(world)
    out |= {f"habits_{name}": array for name, array in world.foresight.habits.pack().items()}
    meta = {
        "format": FORMAT,
        "stamp_ns": world.stamp_ns,
        "tracks": [_track_json(t) for t in tracks],
        "aliases": list(tracker.aliases.items()),
        "rates": tracker.rates.to_json(),
        "accuracy": tracker.accuracy.to_json(),
        "graph": world.graph.to_json(),
        "corrected": world.corrected,
        "gone_ns": list(world.whereabouts.gone_ns.items()),
        "building": world.builder.building,
        "robot": world.builder.robot,
        "frames": tracker._frames,
        "rng": world._rng.bit_generator.state,
    }
    out["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    return out


def pack_space(world: WorldModel, to_read: bool = False) -> Arrays:
    """The grid, and the spots of every surface with the time each was last seen; `to_read`: of the grid what a planner reads."""
    out: Arrays = {}
    for key, surface in world.surfaces.items():
        out[f"surface_{key}"] = surface.spots
        out[f"surface_seen_{key}"] = np.append(surface.seen_ns, surface.inside_ns)
        out[f"surface_size_{key}"] = surface.size
    for name, array in world.grid.snapshot(to_read).items():
        out[f"grid_{name}"] = array
    return out


def unpack(world: WorldModel, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Fill a fresh world model from `pack`'s arrays.

    Raises:
        InvalidInputError: not a snapshot of this format.
    """
    try:
        meta: dict[str, Any] = json.loads(bytes(np.asarray(arrays["meta"], np.uint8)).decode())
        if meta["format"] != FORMAT:
            raise InvalidInputError(f"world snapshot: format {meta['format']}, this robomem reads {FORMAT}; upgrade robomem")
        _unpack_tracks(world, meta, arrays)
        world.graph.__dict__.update(SceneGraph.from_json(meta["graph"]).__dict__)
        limits = world.grid.max_side_m, world.grid.max_m2  # the configuration's, not those of when it was written
        world.grid.__dict__.update(unpack_grid(arrays).__dict__)
        world.grid.max_side_m, world.grid.max_m2 = limits
        habits = {name[7:]: array for name, array in arrays.items() if name.startswith("habits_")}
        if habits:  # snapshots of before have none
            world.foresight.habits.restore(habits)
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInputError(f"world snapshot: does not fit the format: {error}") from error
    world.tracker.aliases = {int(a): int(b) for a, b in meta["aliases"]}
    world.tracker.rates.load_json(meta["rates"])
    world.tracker.accuracy.load_json(meta.get("accuracy", {}))
    world.tracker.stamp_ns = world.stamp_ns = int(meta["stamp_ns"])
    world.tracker._frames = int(meta["frames"])
    world.corrected = int(meta.get("corrected", 0))
    world._rng.bit_generator.state = meta["rng"]
    world.builder.building, world.builder.robot = int(meta["building"]), int(meta["robot"])
    world.rooms._building = world.builder.building
    world.whereabouts.gone_ns = {int(k): int(v) for k, v in meta["gone_ns"]}
    world.whereabouts.surfaces.update(unpack_surfaces(arrays))
    world.rooms.adopt_nodes()


def unpack_grid(arrays: Mapping[str, NDArray[np.generic]]) -> OccupancyGrid:
    """The grid of `pack_space`.

    Raises:
        InvalidInputError: arrays are missing or do not fit together.
    """
    return OccupancyGrid.restore({k[5:]: v for k, v in arrays.items() if k.startswith("grid_")})


def unpack_surfaces(arrays: Mapping[str, NDArray[np.generic]]) -> dict[int, Surface]:
    """The surfaces of `pack_space` by furniture id."""
    out = {}
    for name in arrays:
        if name.startswith("surface_") and name[8:].isdigit():
            key = int(name[8:])
            seen = np.asarray(arrays[f"surface_seen_{key}"], np.int64)
            size = np.array(arrays[f"surface_size_{key}"], np.float64)
            out[key] = Surface(np.array(arrays[name], np.float64), seen[:-1].copy(), int(seen[-1]), size)
    return out


def _unpack_tracks(world: WorldModel, meta: dict[str, Any], arrays: Mapping[str, NDArray[np.generic]]) -> None:
    table = world.tracker.table
    hot = {k[6:]: v for k, v in arrays.items() if k.startswith("track_")}
    for old in list(world.tracker.tracks.values()):
        table.release(old.row)
    world.tracker.tracks = Roster()
    for i, row in enumerate(meta["tracks"]):
        index = table.claim()
        table.load(index, hot, i)
        body = None
        if f"voxels_{i}" in arrays:
            body = VoxelBody()
            body.keys, body.counts = np.array(arrays[f"voxels_{i}"], np.int64), np.array(arrays[f"voxel_counts_{i}"], np.int32)
            body.frames = int(row["body_frames"])
            if f"voxel_frame_{i}" in arrays:
                body.T_map_voxels = np.array(arrays[f"voxel_frame_{i}"], np.float64)
        track = _track_from(row, index, world, body)
        if f"embedding_{i}" in arrays:
            track.embedding = np.array(arrays[f"embedding_{i}"], np.float32)
        world.tracker.tracks[track.id] = track


_PLAIN = (
    "id",
    "kind",
    "first_seen_ns",
    "last_seen_ns",
    "last_evidence_ns",
    "status",
    "confirmed_once",
    "support",
    "hits",
    "embedding_weight",
    "colors",
    "size_weight",
    "named",
    "unnamed",
)
_NEWER = ("lent", "aloft")  # snapshots of before have none


def _track_json(t: Track) -> dict[str, Any]:
    books = {name: [[*cell, value] for cell, value in getattr(t.evidence, name).items()] for name in ("hits", "misses", "empties")}
    return {
        **{name: getattr(t, name) for name in (*_PLAIN, *_NEWER)},
        "labels": t.labels.to_json(),
        "evidence": books,
        "states": {name: belief.to_json() for name, belief in t.states.items()},
        "velocity": t.velocity.tolist(),
        "anchor": t.anchor.tolist(),
        "body_frames": t.body.frames if t.body is not None else 0,
    }


def _track_from(row: dict[str, Any], index: int, world: WorldModel, body: VoxelBody | None) -> Track:
    labels = LabelBelief(world.ontology)
    labels.load_json(row["labels"])
    plain = {name: row[name] for name in _PLAIN} | {name: row[name] for name in _NEWER if name in row}
    track = Track(row=index, labels=labels, body=body, **plain)
    books = {name: {(int(a), int(b), int(c)): float(v) for a, b, c, v in rows} for name, rows in row["evidence"].items()}
    track.states = {str(name): StateBelief.from_json(values, track.last_seen_ns) for name, values in row["states"].items()}
    track.evidence = Evidence(books["hits"], books["misses"], books["empties"])
    track.velocity, track.anchor = np.array(row["velocity"], float), np.array(row["anchor"], float)
    return track
