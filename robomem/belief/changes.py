"""Changes: what one frame did to the tracks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class Changes:
    """What one frame did to the tracks (ids).

    Attributes:
        object_ids: Int64[n] the track of each observation, -1 for none.
        moved: (id, position before, position after), m.
        arrived: of those moved that took over a newcomer's place, when the newcomer was first seen there.
        merged: (kept id, absorbed id).
        split: (id, id of the second thing that was in it).
        carried: (object id, agent id): taken along by someone.
        released: things that were put down, or whose carrier has left.
        states: (id, name, before, after).
    """

    object_ids: NDArray[np.int64]
    touched: set[int] = field(default_factory=set)
    confirmed: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    moved: list[tuple[int, NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)
    arrived: dict[int, int] = field(default_factory=dict)
    merged: list[tuple[int, int]] = field(default_factory=list)
    split: list[tuple[int, int]] = field(default_factory=list)
    carried: list[tuple[int, int]] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    states: list[tuple[int, str, str, str]] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
