"""What holds a thing: of two pieces whose footprint it is over, the one on whose top it lies."""

from __future__ import annotations

import numpy as np

from robomem.ontology import default_ontology
from robomem.scene_graph.relations import supports
from robomem.types import ObjectView


def piece(i: int, label: str, x: float, size: tuple[float, float, float]) -> ObjectView:
    return ObjectView(i, label, {label: 1.0}, np.array([x, 0.0, size[2] / 2]), np.array(size), 0.0, 1.0, "confirmed", {}, 0, 0, 9)


def cloud(x: float, z: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (np.array([x, 0.0, z]) + rng.normal(0, 0.01, (200, 3))).astype(np.float32), np.full(200, 1 / 200)


def test_an_apple_on_the_table_is_not_on_the_chair_that_is_pushed_under_it() -> None:
    table, chair = piece(7, "table", 0.0, (1.2, 0.8, 0.75)), piece(2, "chair", 0.5, (0.5, 0.5, 0.92))  # its back stands higher
    found = supports(*cloud(0.45, 0.79), 0.08, [chair, table], default_ontology())
    assert [(s.holder, s.predicate) for s in found] == [(7, "on"), (2, "on")]
    on_seat = supports(*cloud(0.76, 0.50), 0.08, [chair, table], default_ontology())
    assert on_seat[0].holder == 2


def test_what_is_clearly_over_one_is_on_that_one() -> None:
    near, far = piece(2, "table", 0.0, (1.0, 0.8, 0.75)), piece(3, "table", 1.03, (1.0, 0.8, 0.79))
    found = supports(*cloud(0.4, 0.79), 0.08, [near, far], default_ontology())
    assert found[0].holder == 2 and found[0].probability > 0.95


def test_a_lamp_of_which_only_the_shade_is_measured_is_on_the_desk_beneath_it_and_a_picture_on_the_wall_is_not() -> None:
    desk, counter = piece(2, "desk", 0.0, (1.6, 0.7, 0.74)), piece(3, "counter", 2.0, (1.0, 0.7, 0.93))
    lamp = supports(*cloud(0.3, 1.05), 0.24, [desk, counter], default_ontology())  # 0.19 m over the desk, 1.2 m from the counter
    assert [(s.holder, s.predicate) for s in lamp] == [(2, "on")] and lamp[0].probability > 0.6
    assert supports(*cloud(0.3, 1.5), 0.24, [desk, counter], default_ontology()) == []
