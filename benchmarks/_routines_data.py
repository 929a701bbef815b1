"""Homes of `robomem bench routines`: where every thing was, every ten minutes, read and checked."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError

STEP_MIN, START_MIN, END_MIN = 10, 360, 1440
STEPS = (END_MIN - START_MIN) // STEP_MIN + 1
CATEGORY = "placable_objects"  # how the data spells things that people carry about


@dataclass(frozen=True)
class Home:
    """One household.

    Attributes:
        name: "household1".
        nodes: id and class of every node, as the data has them.
        things: Int64[m] node indices of the things that people carry about.
        places: Int16[days, STEPS, nodes] node index of what holds each node, -1 none; steps of 10 minutes from 6:00 to 24:00.
        first: Int64[days] the first step that is known; earlier ones are -1.
    """

    name: str
    nodes: tuple[tuple[int, str], ...]
    things: NDArray[np.int64]
    places: NDArray[np.int16]
    first: NDArray[np.int64]

    def moved(self, days: slice) -> NDArray[np.int64]:
        """The things that changed their place at least once on these days."""
        p = self.places[days][:, :, self.things]
        changed = (p[:, 1:] != p[:, :-1]) & (p[:, :-1] >= 0)
        return self.things[changed.any(axis=(0, 1))]


def load(folder: Path) -> list[Home]:
    """Every `household*.json.gz` of a folder.

    Raises:
        InvalidInputError: there is none, or one does not follow the format.
    """
    files = sorted(folder.glob("household*.json.gz"))
    if not files:
        raise InvalidInputError(f"bench routines: no household*.json.gz in {folder}; give a folder by --data FOLDER (and --test FOLDER)")
    return [_home(path) for path in files]


def _home(path: Path) -> Home:
    try:
        raw: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
        span = (raw["minutes_per_step"], raw["start_min"], raw["end_min"])
        if span != (STEP_MIN, START_MIN, END_MIN):
            raise ValueError(f"steps of {span[0]} min from {span[1]} to {span[2]}, expected {STEP_MIN}, {START_MIN}, {END_MIN}")
        nodes = tuple((int(n["id"]), str(n["class"])) for n in raw["nodes"])
        things = np.array([i for i, n in enumerate(raw["nodes"]) if n["category"] == CATEGORY], np.int64)
        days = [_day(raw["days"][name], len(nodes)) for name in sorted(raw["days"])]
        first = np.array([int(np.argmax((day >= 0).any(axis=1))) for day in days], np.int64)
        return Home(path.name.removesuffix(".json.gz"), nodes, things, np.stack(days), first)
    except (OSError, EOFError, KeyError, ValueError, TypeError, IndexError) as error:
        raise InvalidInputError(f"{path}: not a household of routines: {error}") from error


def _day(rows: list[Any], n: int) -> NDArray[np.int16]:
    """Int16[STEPS, n]; rows are [minute, all parents], then [minute, {node: new parent}]; a few come after 24:00 and are left out."""
    out = np.full((STEPS, n), -1, np.int16)
    for k, (minute, said) in enumerate(rows):
        step = (int(minute) - START_MIN) // STEP_MIN
        if step < 0:
            raise ValueError(f"minute {minute} is before {START_MIN}")
        if k == 0:
            out[step:] = np.array(said, np.int16)
        for node, parent in said.items() if k else ():
            out[step:, int(node)] = parent
    if out.max(initial=-1) >= n or out.min(initial=-1) < -1:
        raise ValueError("a parent is no node")
    return out


def joined(home: Home, test: Home) -> Home:
    """The days of `test` after those of `home`.

    Raises:
        InvalidInputError: they are not the same home.
    """
    if home.nodes != test.nodes:
        raise InvalidInputError(f"bench routines: {test.name} of --test has other nodes than {home.name} of --data")
    places = np.concatenate([home.places, test.places])
    return Home(home.name, home.nodes, home.things, places, np.concatenate([home.first, test.first]))
