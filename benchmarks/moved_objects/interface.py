"""What enters the moved-object benchmark and what leaves it: one neutral face for any memory, one record of the truth for the scorer.

A memory sees `add` and nothing else; truth goes from the stream to the scorer and never through a memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robomem.perception.frame import RgbdFrame
from robomem.types import Observations


@dataclass(frozen=True)
class Believed:
    """One thing a memory holds to exist.

    Attributes:
        id: what the memory calls it; a number that comes back is the same thing to it.
        position: Float64[3] box centre, map frame, m.
        existence: probability that it exists and is there, 0..1 (a memory without one says 1).
        kind: "object", "furniture" or "agent".
    """

    id: int
    label: str
    position: NDArray[np.float64]
    existence: float = 1.0
    kind: str = "object"


@dataclass(frozen=True)
class RelationClaim:
    """`(child, name, parent)` in ids of the memory that says so, with its probability."""

    child: int
    name: str
    parent: int
    probability: float = 1.0


class Memory(Protocol):
    """The neutral adapter. Anything that can do this can be measured."""

    name: str

    def add(self, detections: Observations | None, frame: RgbdFrame) -> None:
        """One image: what the detector said of it, lifted to 3-D in the map frame (None: no detector ran), its depth and camera pose."""
        ...

    def where(self, label: str, t_ns: int) -> list[Believed]:
        """Things of that label as believed to be at `t_ns`, likeliest first; [] = it does not know of any."""
        ...

    def objects(self, t_ns: int) -> list[Believed]:
        """Everything believed to exist at `t_ns` (now or in the past; a memory without a past answers with its present)."""
        ...

    def relations(self, t_ns: int) -> list[RelationClaim]:
        """Relations believed to hold at `t_ns`; [] if the memory keeps none."""
        ...


@dataclass(frozen=True)
class TrueThing:
    """One true thing at one instant.

    Attributes:
        name: the simulator's own name: the identity that never changes.
        position, size: Float64[3] box centre and extent along its own axes, map frame, m.  yaw: rad.
        parent: name of what holds it ("" = floor, or gone from the home), relation: "on", "inside" or "held_by".
        present: False once it is out of the home.
        pixels, visible: own pixels and unoccluded share in this image (0, 0 if outside).
        distance_m: camera to centre.
        color: colour name of an object, "" for others: two things of one label and one colour cannot be told apart by sight.
        is_open: of furniture with a door or drawer, else None.
    """

    name: str
    label: str
    kind: str
    position: NDArray[np.float64]
    size: NDArray[np.float64]
    yaw: float = 0.0
    parent: str = ""
    relation: str = "on"
    present: bool = True
    pixels: int = 0
    visible: float = 0.0
    distance_m: float = np.inf
    color: str = ""
    is_open: bool | None = None

    @property
    def clear(self) -> bool:
        """In clear view: at least 150 own pixels, at least 70 % unoccluded, at most 4 m."""
        return self.pixels >= 150 and self.visible >= 0.7 and self.distance_m <= 4.0


@dataclass(frozen=True)
class TrueEvent:
    """What a person or the script did: `kind` is "moved", "hidden", "swapped", "removed", "brought_back", "opened" or "shut".

    `before`, `after`: Float64[3] box centres, map frame, m; None = out of the home, or a door or drawer that moved.
    """

    stamp_ns: int
    kind: str
    name: str
    before: NDArray[np.float64] | None = None
    after: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Step:
    """One image of a day: what memories get (frame, detections) and what only the scorer gets (truth, events since the last step).

    Attributes:
        empty_view: name -> was the place it left (its last place seen) in clear view in this image, by the same rule as `clear`:
            the pixels its box would cover there, the share of them whose depth passes through or beyond it, the distance.
    """

    frame: RgbdFrame
    detections: Observations | None
    truth: tuple[TrueThing, ...]
    events: tuple[TrueEvent, ...] = ()
    empty_view: Mapping[str, bool] = field(default_factory=dict)


class Days(Protocol):
    """A seeded stream: the same seed gives the same steps, byte for byte."""

    seed: int

    def steps(self) -> Iterator[Step]:
        """The days, image by image."""
        ...
