"""Relations from particles: how likely a thing is on, inside or near another, not whether a threshold says so."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import distance_to_box, yaw_matrix
from robomem.ontology import Ontology
from robomem.types import ObjectView

FOOTPRINT_SLACK_M = 0.08
ABOVE_TOP_M = 0.16  # the bottom of a thing on a table may be estimated this far above it
HIDDEN_M = 0.4  # how much of a surface may be unseen behind its front
SAME_HEIGHT_M = 0.12
FLOOR_GAP_M = 0.10


@dataclass(frozen=True)
class Support:
    """One candidate holder of an object."""

    holder: int
    predicate: str
    probability: float


def supports(
    particles: NDArray[np.float32], weights: NDArray[np.float64], height_m: float, furniture: list[ObjectView], ontology: Ontology
) -> list[Support]:
    """How likely each piece of furniture holds a thing.

    P(on) = weighted share of position particles over the footprint and no higher above the top than things on it can be; for what
    has an inside, particles whose centre lies below the top are inside.

    Args:
        particles: Float32[P, 3] centres, map frame, m.  weights: Float64[P], sum one.  height_m: of the thing.
    """
    out = []
    low, high = particles[:, :2].min(axis=0), particles[:, :2].max(axis=0)
    for f in furniture:
        reach = math.hypot(f.size[0], f.size[1]) / 2 + 2 * FOOTPRINT_SLACK_M
        if (f.position[:2] + reach < low).any() or (f.position[:2] - reach > high).any():
            continue  # the other side of the room
        local = (particles - f.position) @ yaw_matrix(f.yaw_rad)
        over = (np.abs(local[:, :2]) <= f.size[:2] / 2 + FOOTPRINT_SLACK_M).all(axis=1)
        bottom, top = particles[:, 2] - height_m / 2, f.position[2] + f.size[2] / 2
        fits = over & (bottom < top + ABOVE_TOP_M) & (bottom > FLOOR_GAP_M)
        p = float(weights @ fits)
        if p < 0.05:
            continue
        prior = ontology.prior(f.label)
        # What is seen while the door is shut stands on top, however high the box was estimated.
        if prior.container and (not prior.openable or f.states.get("open", ("false", 1.0))[0] == "true"):
            p_in = float(weights @ (fits & (particles[:, 2] < top - 0.04)))
            if p_in > 0.05:
                out.append(Support(f.id, "inside", p_in))
            p -= p_in
        if p > 0.05:
            out.append(Support(f.id, "on", p))
    if not any(s.probability >= 0.5 for s in out):
        out += _beside(particles, weights, height_m, furniture, ontology)
    return sorted(out, key=lambda s: (-s.probability, s.holder))


def _beside(
    particles: NDArray[np.float32], weights: NDArray[np.float64], height_m: float, furniture: list[ObjectView], ontology: Ontology
) -> list[Support]:
    """A thing in the air stands on something: the surface of its height that ends nearest, whose hidden part it is on.

    The top of a counter is seen at a grazing angle and its back is covered by what stands there, so its box often ends too early.
    """
    center = weights @ particles
    best: tuple[float, int] | None = None
    for f in furniture:
        top = float(f.position[2] + f.size[2] / 2)
        if not ontology.prior(f.label).surface or abs(float(center[2]) - height_m / 2 - top) > SAME_HEIGHT_M:
            continue
        gap = float(distance_to_box([center[0], center[1], f.position[2]], f.position, f.size, f.yaw_rad))
        if gap < HIDDEN_M and (best is None or gap < best[0]):
            best = (gap, f.id)
    return [Support(best[1], "on", 0.9 - best[0])] if best is not None else []
