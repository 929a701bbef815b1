"""Relations from particles: how likely a thing is on, inside or near another, not whether a threshold says so."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from robomem.geometry import distance_to_box
from robomem.ontology import Ontology
from robomem.types import ObjectView

FOOTPRINT_SLACK_M = 0.08
ABOVE_TOP_M = 0.16  # the bottom of a thing on a table may be estimated this far above it
HIDDEN_M = 0.4  # how much of a surface may be unseen behind its front
SAME_HEIGHT_M = 0.12
FLOATS_M = 0.3  # the foot of a thing may be so thin that its box begins this far above what it stands on
FLOOR_GAP_M = 0.10
ABOUT = 0.1  # holders whose probabilities differ by less are as likely
INSIDE_M = 0.04  # so far below the top a centre is inside


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
    has an inside, particles whose centre lies below the top are inside. Of holders that are about as likely, the one whose top is
    nearest to the thing's bottom comes first: what lies on a table is over the seat of the chair that is pushed under it, too.

    Args:
        particles: Float32[P, 3] centres, map frame, m.  weights: Float64[P], sum one.  height_m: of the thing.
    """
    out, gaps = [], dict[int, float]()
    bottom = float(weights @ particles[:, 2]) - height_m / 2
    for f in furniture:
        gaps[f.id] = abs(bottom - float(f.position[2] + f.size[2] / 2))
        p, below = _shares(particles, weights, height_m, f.position, f.size, f.yaw_rad)
        if p < 0.05:
            continue
        prior = ontology.prior(f.label)
        # What is seen while the door is shut stands on top, however high the box was estimated.
        if prior.container and (not prior.openable or f.states.get("open", ("false", 1.0))[0] == "true"):
            if below > 0.05:
                out.append(Support(f.id, "inside", below))
            p -= below
        if p > 0.05:
            out.append(Support(f.id, "on", p))
    if not any(s.probability >= 0.5 for s in out):
        out += _beside(particles, weights, height_m, furniture, ontology)
    likely = max((s.probability for s in out), default=0.0) - ABOUT
    gap = {(s.holder, s.predicate): gaps[s.holder] if s.predicate == "on" else SAME_HEIGHT_M for s in out if s.probability >= likely}
    return sorted(out, key=lambda s: (s.probability < likely, gap.get((s.holder, s.predicate), 0.0), -s.probability, s.holder))


@njit(cache=True)
def _shares(
    particles: NDArray[np.float32],
    weights: NDArray[np.float64],
    height_m: float,
    center: NDArray[np.float64],
    size: NDArray[np.float64],
    yaw_rad: float,
) -> tuple[float, float]:  # pragma: no cover - compiled
    """Weight of the particles over a footprint and not too high above its top, and of those of them that lie below the top."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    top, fits, below = center[2] + size[2] / 2, 0.0, 0.0
    for k in range(particles.shape[0]):
        x, y = particles[k, 0] - center[0], particles[k, 1] - center[1]
        over = abs(x * c + y * s) <= size[0] / 2 + FOOTPRINT_SLACK_M and abs(y * c - x * s) <= size[1] / 2 + FOOTPRINT_SLACK_M
        bottom = particles[k, 2] - height_m / 2
        if over and FLOOR_GAP_M < bottom < top + ABOVE_TOP_M:
            fits += weights[k]
            if particles[k, 2] < top - INSIDE_M:
                below += weights[k]
    return fits, below


def _beside(
    particles: NDArray[np.float32], weights: NDArray[np.float64], height_m: float, furniture: list[ObjectView], ontology: Ontology
) -> list[Support]:
    """A thing in the air stands on something: the surface of its height that ends nearest, or the one just beneath it.

    The top of a counter is seen at a grazing angle and its back is covered by what stands there, so its box often ends too early;
    of a lamp with a thin foot the shade alone may be measured.
    """
    center = weights @ particles
    best: tuple[float, int] | None = None
    for f in furniture:
        if not ontology.prior(f.label).surface:
            continue
        above = float(center[2]) - height_m / 2 - float(f.position[2] + f.size[2] / 2)
        gap = float(distance_to_box([center[0], center[1], f.position[2]], f.position, f.size, f.yaw_rad))
        if SAME_HEIGHT_M < above < FLOATS_M and gap < FOOTPRINT_SLACK_M:
            gap = above
        elif abs(above) > SAME_HEIGHT_M or gap >= HIDDEN_M:
            continue
        if best is None or gap < best[0]:
            best = (gap, f.id)
    return [Support(best[1], "on", 0.9 - best[0])] if best is not None else []
