"""The stream of the moved-object benchmark: the same bytes every time, truth for the scorer alone, everything that is promised."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.moved_objects.days import HomeDays, Settings
from benchmarks.moved_objects.patrol import find_stop
from benchmarks.moved_objects.recording import Recorded, record
from benchmarks.moved_objects.script import DECK, Script
from benchmarks.moved_objects.settings import RANGES, detector_model
from benchmarks.moved_objects.stock import open_world, stock_home
from robomem.errors import InvalidInputError
from robomem.geometry import inverse
from robomem_sim.camera import head_intrinsics
from robomem_sim.detector_model import load_detector_model

SHORT = Settings(days=1, tours=3, images=2, changes=0.3)
SEED = 105


def fingerprint(step) -> list:
    """Everything of a step as bytes and plain values."""
    f, o = step.frame, step.detections
    arrays = [f.depth_m, f.rgb, f.T_map_camera, o.scores, o.positions, o.covariances, o.sizes, o.yaws, o.embeddings, o.pixels, o.boxes_xyxy]
    plain = [f.stamp_ns, o.labels, o.colors, [dict(s) for s in o.states], o.truncated.tolist(), [p.tobytes() for p in o.points]]
    rows = [
        {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in dataclasses.asdict(x).items()} for x in (*step.truth, *step.events)
    ]
    return [a.tobytes() for a in arrays] + [str(a.dtype) for a in arrays] + plain + [rows, dict(step.empty_view)]


@dataclasses.dataclass
class _Played:
    """Steps that exist already, as `Days`."""

    shown: list
    seed: int = SEED

    def steps(self):
        return iter(self.shown)


@pytest.fixture(scope="module")
def steps():
    return list(HomeDays(SEED, SHORT).steps())


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(steps):
    again = list(HomeDays(SEED, SHORT).steps())
    assert [fingerprint(s) for s in steps] == [fingerprint(s) for s in again]
    other = next(HomeDays(SEED + 1, SHORT).steps())
    assert fingerprint(other) != fingerprint(steps[0])


def test_a_recording_gives_back_every_byte(steps, tmp_path):
    path = record(_Played(steps), tmp_path / "day.npz")
    tape = Recorded(path)
    assert tape.seed == SEED
    assert [fingerprint(s) for s in tape.steps()] == [fingerprint(s) for s in steps]
    assert fingerprint(next(tape.steps())) == fingerprint(steps[0])  # from the start again
    (tmp_path / "junk").write_text("no recording")
    with pytest.raises(InvalidInputError, match="is not a recording"):
        Recorded(tmp_path / "junk")


def test_time_runs_on_with_gaps(steps):
    stamps = np.array([s.frame.stamp_ns for s in steps])
    gaps = np.diff(stamps) / 1e9
    assert (gaps > 0).all()
    assert np.median(gaps[gaps < 1]) == pytest.approx(0.2, abs=0.01)  # 5 Hz while it looks
    assert (gaps > 3600).sum() == SHORT.tours - 1  # and hours away
    events = [(e, s.frame.stamp_ns) for s in steps for e in s.events]
    assert all(e.stamp_ns <= at for e, at in events)


def test_memories_see_no_truth(steps):
    """Names carry a number ("cup 1"); detectors say labels. What a memory gets is the contract's types and nothing more."""
    names = {t.name for s in steps for t in s.truth}
    for s in steps:
        assert not names & set(s.detections.labels)
        assert all(set(states) <= {"open"} for states in s.detections.states)
        assert s.frame.camera == "head"
        told = {f.name for f in dataclasses.fields(s.frame) if f.init}
        assert told == {"stamp_ns", "rgb", "depth_m", "intrinsics", "T_map_camera", "camera"} and set(vars(s.frame)) - told == {"_valid"}
    said = Counter(label for s in steps for label in s.detections.labels)
    assert said["person"] > 0


def test_the_pose_is_the_localiser_s_and_wanders_while_the_robot_stands_still(steps):
    eyes = [(s.frame.stamp_ns, s.frame.T_map_camera[:3, 3]) for s in steps]
    still = [np.linalg.norm(b - a) for (t, a), (u, b) in itertools.pairwise(eyes) if u - t < 0.3e9]
    assert len(still) > 10 and min(still) > 0 and max(still) < 0.02


def test_depth_is_noisy_whole_millimetres(steps):
    depth = np.concatenate([s.frame.depth_m.ravel() for s in steps[:5]])
    mm = depth.astype(np.float64) * 1000
    assert np.abs(mm - np.round(mm)).max() < 1e-3
    assert 0.01 < (depth == 0).mean() < 0.4 and depth.max() <= 5.001


def test_truth_says_where_everything_is(steps):
    furniture = {t.name for t in steps[0].truth if t.kind == "furniture"}
    for s in steps:
        by_name = {t.name: t for t in s.truth}
        assert by_name.keys() == {t.name for t in steps[0].truth}
        for t in s.truth:
            assert t.pixels == 0 or t.present
            if t.kind == "object" and t.present:
                assert t.relation in ("on", "inside", "held_by")
                assert t.parent in furniture if t.relation != "held_by" else by_name[t.parent].kind == "agent"
    assert {t.kind for t in steps[0].truth} == {"object", "furniture", "agent"}


def test_what_is_in_clear_view_stands_out_in_the_depth_image(steps):
    """Own pixels and distance of a clear thing against the depth image that memories get: about so many pixels lie inside its box."""
    checked = 0
    for s in steps[::5]:
        k, T = s.frame.intrinsics, s.frame.T_map_camera
        v, u = np.nonzero(s.frame.depth_m)
        z = s.frame.depth_m[v, u].astype(float)
        points = np.column_stack([(u - k.cx) / k.fx * z, (v - k.cy) / k.fy * z, z]) @ T[:3, :3].T + T[:3, 3]
        for t in s.truth:
            if t.kind != "object" or not t.clear or t.relation == "held_by":
                continue
            local = points - t.position
            c, sn = np.cos(t.yaw), np.sin(t.yaw)
            local = np.abs(np.column_stack([local[:, 0] * c + local[:, 1] * sn, local[:, 1] * c - local[:, 0] * sn, local[:, 2]]))
            near = local <= t.size / 2 + 0.05
            assert near.all(axis=1).sum() > 0.5 * t.pixels, t
            assert t.distance_m == pytest.approx(np.linalg.norm(t.position - T[:3, 3]), abs=0.08)
            checked += 1
    assert checked > 30


def test_a_place_that_was_left_is_empty_when_it_is_seen_to_be(steps):
    """`empty_view` True: the object is not there, and depth memories get passes through where its middle was."""
    seen, through = {}, []
    for s in steps:
        k = s.frame.intrinsics
        for name, clear in s.empty_view.items():
            assert name in seen
            if clear:
                p = inverse(s.frame.T_map_camera)[:3] @ np.array([*seen[name], 1.0])
                u, v = round(k.fx * p[0] / p[2] + k.cx), round(k.fy * p[1] / p[2] + k.cy)
                if 0 <= u < k.width and 0 <= v < k.height and s.frame.depth_m[v, u] > 0:
                    through.append(s.frame.depth_m[v, u] > p[2] - 0.02)
        for t in s.truth:
            if t.kind == "object" and t.clear and t.relation != "held_by":
                assert not s.empty_view.get(t.name) or np.linalg.norm(t.position - seen[t.name]) > 0.05
                seen[t.name] = t.position
    assert len(through) > 10 and np.mean(through) > 0.9


def test_every_kind_of_change_happens_and_the_truth_follows():
    counts: Counter[str] = Counter()
    for seed in (106, 107):
        stocked = stock_home(seed, 24, np.random.default_rng([seed, 0]))
        world = open_world(stocked, np.random.default_rng([seed, 1]))
        stops = [stop for stop in (find_stop(world, hub, head_intrinsics()) for hub in stocked.hubs) if stop is not None]
        script = Script(world, stocked, stops, np.random.default_rng([seed, 2]))
        deck = script.deck()
        assert Counter(deck) == Counter(DECK)
        for i, card in enumerate(deck):
            for e in script.act(card, i):
                relation = (world.support(e.name) or ("", ""))[1] if e.name in world.object_names else ""
                counts[f"{e.kind} {relation}".strip()] += 1
                if e.kind == "removed":
                    assert world.is_out(e.name) and e.after is None
                elif e.name in world.object_names:
                    assert not world.is_out(e.name)
                    assert np.allclose(world.box(e.name)[0], e.after)
                    assert e.before is None if e.kind == "brought_back" else np.linalg.norm(e.after - e.before) > 0.02
    wanted = ("moved on", "hidden on", "hidden inside", "swapped on", "removed", "brought_back on", "opened")
    assert all(counts[kind] for kind in wanted), counts


def test_every_home_has_look_alikes_and_all_three_heights():
    for seed in range(110, 114):
        stocked = stock_home(seed, 24, np.random.default_rng(seed))
        color = {o.name: (o.label, o.color) for o in stocked.home.objects}
        alike = [same for _, _, same in stocked.pairs]
        assert alike.count(False) == 2 and alike.count(True) == 1
        for a, b, same in stocked.pairs:
            assert color[a][0] == color[b][0] and (color[a] == color[b]) == same
        world = open_world(stocked, np.random.default_rng(seed))
        heights = [world.model(n).size[2] for n in world.object_names]
        assert min(np.histogram(heights, [0, 0.055, 0.13, 1.0])[0]) >= 5
        assert sum(world.is_out(n) for n in world.object_names) <= 1


def test_detectors_differ_by_home_around_the_default():
    base, models = load_detector_model(), [detector_model(seed) for seed in range(40)]
    assert detector_model(3) == models[3]
    for name, (low, high) in RANGES.items():
        values = [getattr(m, name) for m in models]
        assert low <= min(values) and max(values) <= high and low <= getattr(base, name) <= high
        assert max(values) - min(values) > 0.6 * (high - low)
    assert all(sum(row.values()) <= 1 for m in models for row in m.confusion.values())


def test_people_come_and_carry_in_view():
    """In the days of a home somebody is soon watched with a thing in hand."""
    held = 0
    for step in itertools.islice(HomeDays(101, Settings(days=2, images=1, viewpoints=1, changes=0.2)).steps(), 120):
        held += any(t.relation == "held_by" and t.pixels > 0 for t in step.truth)
        if held == 3:
            break
    assert held == 3


def test_the_memory_in_the_readme_runs():
    page = (Path(__file__).parents[2] / "benchmarks" / "moved_objects" / "README.md").read_text("utf-8")
    section = page.split("## Enter a memory")[1].split("\n## ")[0]
    code = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    short = code.replace("HomeDays(seed=0).steps()", "steps")
    assert short != code
    names: dict = {"steps": itertools.islice(HomeDays(SEED, Settings(days=1, tours=1, images=1)).steps(), 3)}
    exec(short, names)  # noqa: S102 - our own page
    believed = names["memory"].objects(0)
    assert len(believed) > 3 and names["memory"].where(believed[0].label, 0)[0].id == believed[0].id
