"""Relations from particles: how likely a thing is on, inside or near another, not whether a threshold says so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import yaw_matrix
from robomem.ontology import Ontology
from robomem.types import ObjectView

FOOTPRINT_SLACK_M = 0.08
ABOVE_TOP_M = 0.16  # the bottom of a thing on a table may be estimated this far above it
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
    for f in furniture:
        local = (particles - f.position) @ yaw_matrix(f.yaw_rad)
        over = (np.abs(local[:, :2]) <= f.size[:2] / 2 + FOOTPRINT_SLACK_M).all(axis=1)
        bottom, top = particles[:, 2] - height_m / 2, f.position[2] + f.size[2] / 2
        fits = over & (bottom < top + ABOVE_TOP_M) & (bottom > FLOOR_GAP_M)
        p = float(weights @ fits)
        if p < 0.05:
            continue
        prior = ontology.prior(f.label)
        if prior.container:
            p_in = float(weights @ (fits & (particles[:, 2] < top - 0.04)))
            if p_in > 0.05:
                out.append(Support(f.id, "inside", p_in))
            p -= p_in
        if p > 0.05:
            out.append(Support(f.id, "on", p))
    return sorted(out, key=lambda s: (-s.probability, s.holder))
