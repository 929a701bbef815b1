"""Small household objects: low-poly shapes in parts of one colour each, sized like the real thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError
from robomem_sim.meshes import Mesh, ball, box, cylinder, lathe, merge, silhouette_fill

Shape = list[tuple[Mesh, str]]  # (mesh, colour name or "main" for the colour of this instance)

COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.80, 0.10, 0.10),
    "blue": (0.12, 0.22, 0.80),
    "green": (0.10, 0.58, 0.18),
    "yellow": (0.92, 0.80, 0.10),
    "white": (0.93, 0.93, 0.93),
    "black": (0.07, 0.07, 0.08),
    "gray": (0.50, 0.50, 0.52),
    "brown": (0.42, 0.25, 0.12),
    "orange": (0.95, 0.50, 0.05),
    "purple": (0.48, 0.14, 0.62),
    "pink": (0.93, 0.48, 0.66),
}


@dataclass(frozen=True)
class ObjectModel:
    """One class of object.

    Attributes:
        parts: (mesh about the box centre, colour name or "main").
        size: Float64[3] box extent along its own x, y, z, m.
        fill: share of the outline's convex hull that the image of the object covers.
        outline: Float64[k, 3] all its vertices.
    """

    label: str
    parts: tuple[tuple[Mesh, str], ...]
    size: NDArray[np.float64]
    fill: float
    outline: NDArray[np.float64]


def _mug() -> Shape:
    wall = lathe([(0, 0), (0.042, 0), (0.042, 0.10), (0.036, 0.10), (0.036, 0.012), (0, 0.012)], 12)
    handle = [
        box((0.056, 0, 0.075), (0.03, 0.012, 0.012)),
        box((0.065, 0, 0.05), (0.012, 0.012, 0.062)),
        box((0.056, 0, 0.025), (0.03, 0.012, 0.012)),
    ]
    return [(merge([wall, *handle]), "main")]


def _cup() -> Shape:
    return [(lathe([(0, 0), (0.026, 0), (0.044, 0.09), (0.039, 0.09), (0.022, 0.01), (0, 0.01)], 12), "main")]


def _bowl() -> Shape:
    return [
        (lathe([(0, 0), (0.04, 0), (0.075, 0.035), (0.085, 0.07), (0.078, 0.07), (0.068, 0.037), (0.035, 0.012), (0, 0.012)], 12), "main")
    ]


def _plate() -> Shape:
    return [(lathe([(0, 0), (0.07, 0), (0.11, 0.025), (0.106, 0.029), (0.068, 0.008), (0, 0.008)], 14), "main")]


def _bottle() -> Shape:
    body = lathe([(0, 0), (0.036, 0), (0.036, 0.15), (0.014, 0.20), (0.014, 0.235), (0, 0.235)], 10)
    return [(body, "main"), (cylinder(0.016, 0.02, 8).moved((0, 0, 0.2355)), "white")]


def _can() -> Shape:
    return [(cylinder(0.033, 0.122, 12), "main")]


def _book() -> Shape:
    covers = merge(
        [
            box((0, 0, 0.002), (0.165, 0.235, 0.004)),
            box((0, 0, 0.034), (0.165, 0.235, 0.004)),
            box((-0.0805, 0, 0.018), (0.004, 0.235, 0.0279)),
        ]
    )
    return [(covers, "main"), (box((0.002, 0, 0.018), (0.155, 0.225, 0.0275)), "white")]


def _fruit(radius: float, squash: float) -> Shape:
    return [(ball(radius, 10, 6).scaled((1, 1, squash)), "main")]


def _banana() -> Shape:
    turns = np.linspace(-0.75, 0.75, 6)
    pieces = [
        box((0.13 * np.sin(t), 0.13 * np.cos(t) - 0.11, 0.018), (0.046, 0.034 - 0.016 * abs(t), 0.034 - 0.014 * abs(t))) for t in turns
    ]
    return [(merge(pieces), "main")]


def _laptop() -> Shape:
    lid = box((0, 0, 0.115), (0.012, 0.33, 0.23)).turned(_tilt(-0.28)).moved((-0.1, 0, 0.012))
    return [(merge([box((0.02, 0, 0.009), (0.235, 0.33, 0.018)), lid]), "main"), (box((0.03, 0, 0.0192), (0.18, 0.30, 0.002)), "black")]


def _tilt(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _keyboard() -> Shape:
    return [(box((0, 0, 0.012), (0.15, 0.43, 0.024)), "main"), (box((0, 0, 0.0265), (0.12, 0.40, 0.004)), "gray")]


def _phone() -> Shape:
    return [(box((0, 0, 0.007), (0.078, 0.155, 0.014)), "main")]


def _remote() -> Shape:
    return [(box((0, 0, 0.013), (0.055, 0.185, 0.026)), "main"), (box((0, 0.06, 0.028), (0.02, 0.02, 0.003)), "red")]


def _vase() -> Shape:
    return [(lathe([(0, 0), (0.05, 0), (0.075, 0.09), (0.035, 0.2), (0.052, 0.27), (0.046, 0.27), (0.028, 0.2), (0, 0.18)], 12), "main")]


def _clock() -> Shape:
    return [(box((0, 0, 0.055), (0.06, 0.14, 0.11)), "main"), (box((0.031, 0, 0.055), (0.004, 0.11, 0.08)), "white")]


def _lamp() -> Shape:
    stem = lathe([(0, 0), (0.07, 0), (0.07, 0.02), (0.012, 0.03), (0.012, 0.24), (0, 0.24)], 10)
    return [(stem, "gray"), (lathe([(0, 0.225), (0.11, 0.225), (0.07, 0.38), (0, 0.38)], 12), "main")]


def _plant() -> Shape:
    leaves = merge(
        [ball(0.10, 8, 4).moved((0, 0, 0.24)), ball(0.07, 8, 4).moved((0.06, 0.03, 0.18)), ball(0.07, 8, 4).moved((-0.05, -0.04, 0.19))]
    )
    return [(lathe([(0, 0), (0.06, 0), (0.08, 0.13), (0, 0.13)], 10), "main"), (leaves, "green")]


def _teddy_bear() -> Shape:
    limbs = [ball(0.04, 6, 3).moved((0.05, y, z)) for y, z in ((-0.09, 0.14), (0.09, 0.14), (-0.06, 0.035), (0.06, 0.035))]
    ears = [ball(0.025, 6, 3).moved((0, y, 0.295)) for y in (-0.05, 0.05)]
    body = merge([ball(0.085, 7, 5).moved((0, 0, 0.09)), ball(0.065, 7, 5).moved((0, 0, 0.225)), *limbs, *ears])
    return [(body, "main"), (ball(0.022, 6, 3).moved((0.06, 0, 0.215)), "black")]


def _toy_duck() -> Shape:
    body = merge([ball(0.055, 8, 5).scaled((1.15, 0.9, 0.8)).moved((0, 0, 0.044)), ball(0.034, 8, 5).moved((0.035, 0, 0.105))])
    return [(body, "main"), (box((0.074, 0, 0.1), (0.024, 0.024, 0.01)), "orange")]


def _pillow() -> Shape:
    return [
        (lathe([(0, 0), (0.2, 0.015), (0.265, 0.065), (0.2, 0.115), (0, 0.13)], 4).turned(_spin(np.pi / 4)).scaled((0.9, 1.2, 1)), "main")
    ]


def _spin(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _pan() -> Shape:
    dish = lathe([(0, 0), (0.095, 0), (0.115, 0.045), (0.109, 0.045), (0.09, 0.008), (0, 0.008)], 12)
    return [(dish, "main"), (box((0.195, 0, 0.038), (0.16, 0.026, 0.014)), "black")]


def _pot() -> Shape:
    grips = [box((0, s * 0.105, 0.095), (0.05, 0.03, 0.014)) for s in (-1, 1)]
    return [
        (merge([cylinder(0.095, 0.12, 12), *grips]), "main"),
        (lathe([(0, 0.1205), (0.08, 0.1205), (0.03, 0.145), (0, 0.145)], 10), "gray"),
    ]


def _kettle() -> Shape:
    spout = box((0.1, 0, 0.13), (0.07, 0.025, 0.03))
    handle = merge([box((-0.1, 0, 0.16), (0.06, 0.02, 0.02)), box((-0.125, 0, 0.11), (0.018, 0.02, 0.12))])
    return [(merge([lathe([(0, 0), (0.085, 0), (0.065, 0.18), (0, 0.2)], 12), spout]), "main"), (handle, "black")]


def _tray() -> Shape:
    rims = [box((0, s * 0.19, 0.0225), (0.28, 0.01, 0.035)) for s in (-1, 1)] + [
        box((s * 0.135, 0, 0.0225), (0.01, 0.37, 0.035)) for s in (-1, 1)
    ]
    return [(merge([box((0, 0, 0.005), (0.28, 0.39, 0.01)), *rims]), "main")]


def _shoe() -> Shape:
    return [
        (merge([box((0, 0, 0.035), (0.27, 0.1, 0.04)), box((-0.07, 0, 0.08), (0.12, 0.09, 0.05))]), "main"),
        (box((0, 0, 0.007), (0.28, 0.1, 0.0139)), "white"),
    ]


def _tv() -> Shape:
    return [
        (merge([box((0, 0, 0.33), (0.05, 0.9, 0.52)), box((0, 0, 0.04), (0.06, 0.1, 0.06)), box((0, 0, 0.005), (0.2, 0.4, 0.01))]), "main"),
        (box((0.027, 0, 0.33), (0.004, 0.86, 0.48)), "gray"),
    ]


def _microwave() -> Shape:
    return [(box((0, 0, 0.14), (0.34, 0.46, 0.28)), "main"), (box((0.172, -0.06, 0.14), (0.004, 0.30, 0.20)), "black")]


_MAKERS: dict[str, Callable[[], Shape]] = {
    "mug": _mug,
    "cup": _cup,
    "bowl": _bowl,
    "plate": _plate,
    "bottle": _bottle,
    "can": _can,
    "book": _book,
    "banana": _banana,
    "apple": lambda: _fruit(0.038, 0.94),
    "orange": lambda: _fruit(0.040, 1.0),
    "ball": lambda: _fruit(0.085, 1.0),
    "box": lambda: [(box((0, 0, 0.07), (0.18, 0.26, 0.14)), "main")],
    "laptop": _laptop,
    "keyboard": _keyboard,
    "phone": _phone,
    "remote": _remote,
    "vase": _vase,
    "clock": _clock,
    "lamp": _lamp,
    "plant": _plant,
    "teddy bear": _teddy_bear,
    "toy duck": _toy_duck,
    "pillow": _pillow,
    "pan": _pan,
    "pot": _pot,
    "kettle": _kettle,
    "tray": _tray,
    "shoe": _shoe,
    "tv": _tv,
    "microwave": _microwave,
}

USUAL_COLORS: dict[str, tuple[str, ...]] = {
    "mug": ("red",),
    "cup": ("white", "blue", "green"),
    "bowl": ("blue", "white", "yellow", "green"),
    "plate": ("white", "yellow", "blue"),
    "bottle": ("green", "blue", "brown"),
    "can": ("red", "blue", "green"),
    "book": ("blue", "red", "green", "purple", "brown"),
    "apple": ("red", "green"),
    "orange": ("orange",),
    "banana": ("yellow",),
    "box": ("brown", "gray", "blue"),
    "laptop": ("gray",),
    "keyboard": ("black",),
    "phone": ("black",),
    "remote": ("black",),
    "vase": ("purple", "blue", "white"),
    "clock": ("black", "red"),
    "lamp": ("yellow", "white"),
    "plant": ("brown",),
    "teddy bear": ("brown",),
    "ball": ("pink", "blue", "red"),
    "toy duck": ("yellow",),
    "pillow": ("purple", "white", "pink"),
    "pan": ("black",),
    "pot": ("red", "gray"),
    "kettle": ("white", "black"),
    "tray": ("brown",),
    "shoe": ("black", "brown"),
    "tv": ("black",),
    "microwave": ("white",),
}

OBJECT_LABELS = tuple(_MAKERS)


@cache
def object_model(label: str) -> ObjectModel:
    """The shape of a class, centred on its box.

    Raises:
        InvalidInputError: no such class.
    """
    if label not in _MAKERS:
        raise InvalidInputError(f"object_model: no shape for {label!r}; have {', '.join(sorted(_MAKERS))}")
    shape = _MAKERS[label]()
    whole = merge([mesh for mesh, _ in shape])
    low, high = whole.vertices.min(axis=0), whole.vertices.max(axis=0)
    parts = tuple((mesh.moved(-(low + high) / 2), color) for mesh, color in shape)
    return ObjectModel(label, parts, high - low, silhouette_fill(whole), whole.vertices - (low + high) / 2)


def person_shape() -> Shape:
    """A standing adult (feet at z = 0, facing +x) as two legs, a trunk with arms and a head."""
    legs = merge([cylinder(0.075, 0.82, 8).moved((0, y, 0.005)) for y in (-0.1, 0.1)])
    arms = [box((0.08, y, 1.12), (0.30, 0.09, 0.09)) for y in (-0.245, 0.245)]
    trunk = merge([lathe([(0, 0.826), (0.17, 0.826), (0.21, 1.2), (0.15, 1.42), (0, 1.45)], 8).scaled((0.7, 1, 1)), *arms])
    return [(legs, "black"), (trunk, "blue"), (ball(0.11, 8, 6).moved((0, 0, 1.585)), "pink")]
