"""Shapes that pictures share: the ellipsoid of a position's spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robomem.geometry import Float, quaternion_from_matrix

CHI2_90 = 6.251  # of three degrees of freedom: the ellipsoid that holds 90 % of a normal distribution


def spread(covariance: NDArray[np.float64]) -> tuple[Float, Float]:
    """Half axes Float64[3] (m) and orientation (quaternion wxyz) of the ellipsoid that holds a position with 90 %.

    Args:
        covariance: Float64[3, 3], m^2; what is not positive counts as zero.
    """
    values, axes = np.linalg.eigh((covariance + covariance.T) / 2)
    if np.linalg.det(axes) < 0:
        axes[:, 0] = -axes[:, 0]
    return np.sqrt(CHI2_90 * np.maximum(values, 0.0)), quaternion_from_matrix(axes)
