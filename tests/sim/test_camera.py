"""The camera: geometry to the millimetre, culling that changes no pixel, depth noise as promised."""

import numpy as np
import pytest

from robomem.geometry import look_at
from robomem_sim.camera import FAR_M, RANGE_LIMIT_M, DepthNoise, head_intrinsics, render
from robomem_sim.household import generate_home
from robomem_sim.world import World


@pytest.fixture(scope="module")
def world():
    w = World(generate_home(0))
    yield w
    w.close()


def poses(world: World, count: int, seed: int = 0) -> list[np.ndarray]:
    """Random head poses on free floor."""
    rng = np.random.default_rng(seed)
    floor = world.floor.centers(world.floor.main_part(0.33))
    out = []
    for _ in range(count):
        (x, y), a, tilt = floor[rng.integers(len(floor))], rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(-10, 50))
        out.append(look_at([x, y, 1.35], [x + np.cos(a), y + np.sin(a), 1.35 - np.tan(tilt)]))
    return out


def cloud(image, T, k) -> np.ndarray:
    """Float64[h, w, 3] map points of a depth image."""
    v, u = np.indices(image.depth_m.shape)
    z = image.depth_m.astype(float)
    return np.stack([(u - k.cx) / k.fx * z, (v - k.cy) / k.fy * z, z], axis=-1) @ T[:3, :3].T + T[:3, 3]


def test_intrinsics_are_70_degrees_wide():
    k = head_intrinsics()
    assert (k.width, k.height) == (320, 240)
    assert np.degrees(2 * np.arctan(k.width / 2 / k.fx)) == pytest.approx(70.0)


def test_walls_and_floor_lie_where_they_are(world):
    k, errors = head_intrinsics(), []
    rooms = world.home.rooms
    for T in poses(world, 12):
        image = render(world, T, k)
        p = cloud(image, T, k)[(image.entity == -2) & (image.depth_m > 0) & (image.depth_m < 4)]
        planes = np.concatenate(
            [
                np.abs(p[:, :1] - [[e for r in rooms for e in (r.x0, r.x1)]]),
                np.abs(p[:, 1:2] - [[e for r in rooms for e in (r.y0, r.y1)]]),
                np.abs(p[:, 2:]),
            ],
            axis=1,
        )
        errors.append(planes.min(axis=1))
    error = np.concatenate(errors)
    assert np.median(error) < 0.002 and np.percentile(error, 95) < 0.012


def test_objects_appear_inside_their_true_boxes(world):
    k, seen = head_intrinsics(), 0
    for T in poses(world, 15, seed=1):
        image = render(world, T, k)
        p = cloud(image, T, k)
        for name in world.object_names:
            mask = image.entity == world.names.index(name)
            if mask.sum() < 30:
                continue
            center, size, yaw = world.box(name)
            local = p[mask] - center
            c, s = np.cos(yaw), np.sin(yaw)
            local = np.abs(np.column_stack([local[:, 0] * c + local[:, 1] * s, -local[:, 0] * s + local[:, 1] * c, local[:, 2]]))
            assert np.median(np.maximum(local - size / 2, 0).max(axis=1)) < 0.004, name
            seen += 1
    assert seen > 15


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_culling_changes_no_pixel(seed):
    world, k = World(generate_home(seed)), head_intrinsics()
    for T in poses(world, 6, seed):
        fast, full = render(world, T, k), render(world, T, k, cull=False)
        assert (fast.rgb == full.rgb).all() and (fast.depth_m == full.depth_m).all() and (fast.entity == full.entity).all()
    world.close()


def test_culling_hides_most_of_the_home(world):
    T = poses(world, 1)[0]
    render(world, T, head_intrinsics())
    assert world.stage.shown < 0.5 * len(world.stage.specs)


@pytest.mark.parametrize("z, sigma", [(1.0, 0.0034), (2.0, 0.0091), (4.0, 0.0319)])
def test_depth_noise_grows_with_the_square_of_distance(z, sigma):
    out = DepthNoise().apply(np.full((240, 320), z, np.float32), np.random.default_rng(0))
    good = out[out > 0]
    assert good.mean() == pytest.approx(z, abs=1e-3) and good.std() == pytest.approx(sigma, rel=0.03)
    assert 1 - len(good) / out.size == pytest.approx(0.01, abs=0.003)


def test_depth_has_a_range_and_no_opinion_where_nothing_is():
    depth = np.full((240, 320), RANGE_LIMIT_M + 0.5, np.float32)
    depth[:50] = 0.0
    assert (DepthNoise().apply(depth, np.random.default_rng(0)) == 0).all() and FAR_M > RANGE_LIMIT_M


def test_depth_drops_out_at_edges():
    depth = np.full((240, 320), 2.0, np.float32)
    depth[:, 160:] = 3.0
    lost = DepthNoise().apply(depth, np.random.default_rng(0)) == 0
    assert lost[:, 160].mean() > 0.4 and lost[:, 100].mean() < 0.1


def test_depth_noise_is_reproducible():
    depth = np.full((240, 320), 2.0, np.float32)
    a, b = (DepthNoise().apply(depth, np.random.default_rng(5)) for _ in range(2))
    assert a.tobytes() == b.tobytes()


def test_compiled_noise_is_the_formula_bit_for_bit():
    rng = np.random.default_rng(0)
    depth = (2 + np.cumsum(rng.normal(0, 0.03, (60, 80)), axis=1)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.1] = 0
    m, rng = DepthNoise(), np.random.default_rng(1)
    noise, luck = rng.standard_normal(depth.shape, dtype=np.float32), rng.random(depth.shape, dtype=np.float32)
    out = depth + noise * (m.floor_m + m.slope_per_m * depth**2)
    dx, dy = np.zeros_like(depth), np.zeros_like(depth)
    dx[:, 1:], dy[1:] = np.abs(np.diff(depth, axis=1)), np.abs(np.diff(depth, axis=0))
    step = np.maximum(dx, dy) / np.maximum(depth, 0.5)
    edge = step > m.edge_m
    grazing = ~edge & (step > 0.035)
    lost = luck < m.random_loss + m.edge_loss * edge + m.grazing_loss * grazing
    out[lost | (depth <= 0) | (out > m.range_m)] = 0
    assert edge.any() and grazing.any() and lost.any()
    assert np.array_equal(m.apply(depth, np.random.default_rng(1)), np.maximum(out, 0))
