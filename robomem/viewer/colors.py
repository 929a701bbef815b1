"""One palette for every picture, so that orange means "missing" in the recording and on the map alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito's colours: told apart by colour-blind readers too.
STATUS = {
    "confirmed": "#009e73",
    "tentative": "#8c8c8c",
    "occluded": "#0072b2",
    "missing": "#e69f00",
    "removed": "#d55e00",
    "held": "#cc79a7",
}
FOCUS = "#c2185b"  # the object a picture is about
ROBOT = "#3b5b92"
WALL = "#2f2f35"
CLUTTER = "#b9b1a6"  # occupied, but lower than a wall
UNKNOWN = "#e4e2dd"
FLOOR = "#f6f4ef"
WOOD = "#cdb89a"
INK = "#26262b"
ROOMS = ("#dcebf5", "#e3f1dd", "#fbeccf", "#f4dfe6", "#e6e0f2", "#d9efec", "#f7e3d4", "#e9ead3")


def rgb(color: str) -> tuple[int, int, int]:
    """0..255 red, green, blue of "#rrggbb"."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def status_rgba(statuses: list[str], existences: list[float]) -> NDArray[np.uint8]:
    """UInt8[n, 4]: colour says the status, opacity the existence probability (never less than a quarter, so that nothing hides)."""
    out = np.empty((len(statuses), 4), np.uint8)
    for row, (status, existence) in enumerate(zip(statuses, existences, strict=True)):
        out[row, :3] = rgb(STATUS.get(status, STATUS["tentative"]))
        out[row, 3] = round(255 * (0.25 + 0.75 * min(1.0, max(0.0, existence))))
    return out
