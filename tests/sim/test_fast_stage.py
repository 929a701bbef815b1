"""The fast sensor draws what PyBullet draws: depth, ids, own pixels and colours, in whole homes and in any state of them."""

import time

import numpy as np
import pytest

from robomem.geometry import look_at
from robomem_sim.bodies import BodySpec
from robomem_sim.camera import head_intrinsics, render
from robomem_sim.detector import sights
from robomem_sim.fast_stage import FastStage
from robomem_sim.household import generate_home
from robomem_sim.meshes import box
from robomem_sim.world import World

K = head_intrinsics()


def poses(world: World, count: int, seed: int) -> list[np.ndarray]:
    """Random head poses on free floor."""
    rng = np.random.default_rng(seed)
    floor = world.floor.centers(world.floor.main_part(0.33))
    out = []
    for _ in range(count):
        (x, y), a, tilt = floor[rng.integers(len(floor))], rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(-10, 55))
        out.append(look_at([x, y, 1.35], [x + np.cos(a), y + np.sin(a), 1.35 - np.tan(tilt)]))
    return out


@pytest.fixture(scope="module")
def twins():
    """The same home drawn by PyBullet and by numba: drawers open, a person in it, a book gone."""
    home = generate_home(3)
    pair = World(home), World(home, stage=FastStage)
    for world in pair:
        for name in world.furniture_names:
            if world.open_fraction(name) is not None:
                world.set_open(name, 1.0)
        world.add_person("person 1")
        world.place_person("person 1", home.start[:2], 0.7)
        world.take_out("book 1")
    yield pair
    for world in pair:
        world.close()


def test_ids_depth_and_colours_agree_in_a_home(twins):
    slow, fast = twins
    for T in poses(slow, 25, seed=4):
        a, b = render(slow, T, K), render(fast, T, K)
        same = a.entity == b.entity
        assert same.mean() > 0.999
        both = same & (a.depth_m > 0)
        assert np.percentile(np.abs(a.depth_m - b.depth_m)[both], 99) < 1e-3
        assert np.percentile(np.abs(a.rgb.astype(int) - b.rgb)[both], 99) <= 2


def test_own_pixels_and_visible_shares_agree(twins):
    slow, fast = twins
    seen = set()
    for T in poses(slow, 40, seed=5):
        a = {s.name: s for s, _ in sights(slow, render(slow, T, K), T, K)}
        b = {s.name: s for s, _ in sights(fast, render(fast, T, K), T, K)}
        for name in a.keys() & b.keys():
            assert abs(a[name].pixels - b[name].pixels) <= 2 + 0.005 * a[name].pixels
            assert a[name].visible == pytest.approx(b[name].visible, abs=0.06)
        assert all(s.pixels <= 2 for n, s in (*a.items(), *b.items()) if n not in a.keys() & b.keys())
        seen |= a.keys()
    assert len(seen) > 40
    assert "person 1" in seen and "book 1" not in seen


@pytest.mark.parametrize("yaw", [0.0, 0.4, 2.0])
def test_depth_of_a_yawed_box_is_the_ray_s(yaw):
    stage = FastStage([BodySpec("b", box((0, 0, 0), (0.4, 0.3, 0.2)), (1, 0, 0))])
    stage.pose(0, np.array([1.5, 0.1, 0.9]), yaw)
    T = look_at([0.0, 0.0, 1.2], [1.5, 0.1, 0.9])
    _, depth, body = stage.draw(T, K, 8.0)
    v, u = np.indices(depth.shape)
    ray = np.stack([(u - K.cx) / K.fx, (v - K.cy) / K.fy, np.ones(depth.shape)], axis=-1) @ T[:3, :3].T
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    origin, ray = turn @ (T[:3, 3] - (1.5, 0.1, 0.9)), ray @ turn.T
    half = np.array([0.2, 0.15, 0.1])
    a, b = (-half - origin) / ray, (half - origin) / ray
    enter, leave = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
    assert ((body == 0) == (enter <= leave)).mean() > 0.9995
    hit = (body == 0) & (enter <= leave)
    assert hit.sum() > 500 and np.abs(depth - enter)[hit].max() < 1e-5
    assert (depth[body < 0] == 0).all()


def test_a_box_around_the_near_plane_is_clipped_and_one_behind_is_not_drawn():
    floor = BodySpec("floor", box((0, 0, -0.01), (20, 20, 0.02)), (1, 1, 1))
    behind = BodySpec("behind", box((-2, 0, 1), (0.5, 0.5, 0.5)), (1, 0, 0))
    stage = FastStage([floor, behind])
    T = look_at([0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    _, depth, body = stage.draw(T, K, 8.0)
    v = np.arange(K.height)
    slope = T[2, 1] * (v - K.cy) / K.fy + T[2, 2]
    z = np.where(slope < 0, -1.0 / np.minimum(slope, -1e-9), np.inf)
    assert not (body == 1).any()
    assert np.allclose(depth[z < 8, 160], z[z < 8], atol=1e-5)


def test_what_was_taken_out_comes_back():
    world = World(generate_home(3), stage=FastStage)
    before = world.box("book 1")[0]
    support = world.support("book 1")
    spot = next(o for o in world.home.objects if o.name == "book 1").spot
    world.take_out("book 1")
    assert world.is_out("book 1") and world.support("book 1") is None
    world.move_object("book 1", spot.furniture, spot.local)
    assert not world.is_out("book 1") and world.support("book 1") == support
    assert np.allclose(world.box("book 1")[0], before)


def test_the_fast_sensor_is_fast(twins):
    _, fast = twins
    views = poses(fast, 20, seed=6)
    render(fast, views[0], K)
    start = time.process_time()
    for T in views:
        render(fast, T, K)
    assert (time.process_time() - start) / len(views) < 0.012  # 2 to 3 ms on the machine it was written on
