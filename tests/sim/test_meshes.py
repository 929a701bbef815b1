"""Meshes are closed, face outwards and have the size they were asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robomem_sim.assets import OBJECT_LABELS, object_model
from robomem_sim.meshes import ball, box, cylinder, hull_area, merge, silhouette_fill

SIDES = st.floats(0.01, 3.0)


def volume(mesh) -> float:
    """Signed volume (m^3): positive when the triangles face outwards."""
    a, b, c = (mesh.vertices[mesh.triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@given(size=st.tuples(SIDES, SIDES, SIDES), center=st.tuples(*[st.floats(-2, 2)] * 3))
@settings(max_examples=50, deadline=None)
def test_box(size, center):
    mesh = box(center, size)
    assert volume(mesh) == pytest.approx(np.prod(size), rel=1e-6, abs=1e-9)
    assert np.allclose(mesh.vertices.max(axis=0) - mesh.vertices.min(axis=0), size) and len(mesh.triangles) == 12


@pytest.mark.parametrize("mesh, full", [(cylinder(0.5, 1.0, 40), np.pi / 4), (ball(1.0, 40, 24), 4 * np.pi / 3)])
def test_round_shapes_come_close_to_the_real_ones(mesh, full):
    assert volume(mesh) == pytest.approx(full, rel=0.03)


@pytest.mark.parametrize("label", OBJECT_LABELS)
def test_objects_face_outwards(label):
    for mesh, _ in object_model(label).parts:
        assert volume(mesh) > 0
        _, normals, indices = mesh.flat()
        assert np.allclose(np.linalg.norm(normals, axis=1), 1) and len(indices) == 3 * len(mesh.triangles)


def test_silhouettes():
    assert silhouette_fill(box((0, 0, 0), (1, 1, 1))) > 0.95
    corners = [box((x, y, 0), (0.2, 0.2, 0.2)) for x in (0, 2) for y in (0, 2)]
    assert silhouette_fill(merge(corners)) < 0.25


@given(st.floats(0.1, 10), st.floats(0.1, 10))
@settings(max_examples=30, deadline=None)
def test_hull_area_of_a_rectangle(w, h):
    grid = np.array([[x, y] for x in np.linspace(0, w, 4) for y in np.linspace(0, h, 5)])
    assert hull_area(grid) == pytest.approx(w * h, rel=1e-9)
