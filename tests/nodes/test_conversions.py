"""Messages and core types: the way there and back, and everything that cannot be is refused with a reason."""

from __future__ import annotations

import pytest

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from array import array  # noqa: E402

import numpy as np  # noqa: E402
from geometry_msgs.msg import Transform  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

from robomem.geometry import look_at  # noqa: E402
from robomem.nodes import conversions as c  # noqa: E402
from robomem.nodes.answers import recall_from_msg, recall_to_msg  # noqa: E402
from robomem.nodes.graph_wire import GraphDiff, GraphMirror  # noqa: E402
from robomem.nodes.wire import WireError  # noqa: E402
from robomem.scene_graph.graph import Node, SceneGraph  # noqa: E402
from robomem.types import Candidate, Detections, Event, ObjectView, Recall  # noqa: E402


def image(**changes: object) -> Image:
    msg = Image(height=4, width=6, encoding="rgb8", step=18)
    msg.data = bytes(range(72))
    for name, value in changes.items():
        setattr(msg, name, value)
    return msg


def view(i: int, rng: np.random.Generator) -> ObjectView:
    A, states = rng.normal(size=(3, 3)) * 0.01, {"open": ("true", 0.5)}
    p, size = rng.normal(size=3), rng.random(3)
    return ObjectView(i, "mug", {"mug": 0.75}, p, size, 0.3, 0.9, "confirmed", states, 5, 2**60, 7, None, A @ A.T, "red")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"encoding": "yuv422"}, "wrong_encoding"),
        ({"step": 5}, "step_does_not_fit"),
        ({"data": b"abc"}, "wrong_length"),
        ({"height": 100_000, "width": 100_000}, "absurd_size"),
        ({"height": 0}, "absurd_size"),
    ],
)
def test_an_image_that_cannot_be_is_refused(changes: dict, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        c.image_rgb(image(**changes))
    assert caught.value.reason == reason


def test_images_of_every_encoding_with_padding_and_either_byte_order() -> None:
    padded = image(step=20, data=bytes(80))
    assert c.image_rgb(padded).shape == (4, 6, 3)
    assert (c.image_rgb(image(encoding="bgr8")) == c.image_rgb(image())[:, :, ::-1]).all()
    mm = np.arange(24, dtype="<u2").reshape(4, 6) * 100
    little = Image(height=4, width=6, encoding="16UC1", step=12, data=mm.tobytes())
    big = Image(height=4, width=6, encoding="16UC1", step=12, is_bigendian=1, data=mm.astype(">u2").tobytes())
    assert np.allclose(c.image_depth(little), mm / 1000) and np.allclose(c.image_depth(big), mm / 1000)
    metres = np.array([[1.5, np.nan, np.inf, -1.0]], "<f4")
    assert c.image_depth(Image(height=1, width=4, encoding="32FC1", step=16, data=metres.tobytes())).tolist() == [[1.5, 0, 0, 0]]


@pytest.mark.parametrize(
    ("values", "reason"),
    [((0, 0, 0, 0.0), "not_a_unit_quaternion"), ((0, 0, 0, 2.0), "not_a_unit_quaternion"), ((float("nan"), 0, 0, 1.0), "not_finite")],
)
def test_a_rotation_that_is_none_is_refused(values: tuple, reason: str) -> None:
    t = Transform()
    t.rotation.x, t.rotation.y, t.rotation.z, t.rotation.w = (float(v) for v in values)
    with pytest.raises(WireError) as caught:
        c.rigid(t.translation, t.rotation)
    assert caught.value.reason == reason


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 3))
def test_poses_come_back(x: float, y: float, z: float) -> None:
    T, t = look_at((x, y, z), (x + 1.0, y - 0.5, z - 0.3)), Transform()
    c.put_rigid(T, t.translation, t.rotation)
    assert np.allclose(c.rigid(t.translation, t.rotation), T, atol=1e-9)


def test_a_camera_without_focal_length_is_none() -> None:
    with pytest.raises(WireError) as caught:
        c.camera_intrinsics(CameraInfo(width=640, height=480))
    assert caught.value.reason == "bad_intrinsics"


def test_detections_come_back_with_masks_embeddings_and_states() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([[2, 3, 20, 18], [0, 0, 32, 24]], np.float32)
    masks = rng.random((2, 24, 32)) > 0.5
    masks[0, :3], masks[0, 18:], masks[0, :, :2], masks[0, :, 20:] = False, False, False, False
    found = Detections(("mug", "door"), np.array([0.5, 1.0]), boxes, masks, rng.random((2, 4)), ({}, {"open": "true"}))
    back = c.detections_from_msg(c.detections_to_msg(found, 32, 24))
    assert back.labels == found.labels and back.states == found.states and (back.masks == masks).all()
    assert np.allclose(back.embeddings, found.embeddings) and np.allclose(back.boxes_xyxy, boxes)
    assert len(c.detections_from_msg(c.detections_to_msg(Detections.empty(), 32, 24))) == 0


def test_objects_events_and_answers_come_back() -> None:
    rng = np.random.default_rng(1)
    views = [view(3, rng), view(9, rng)]
    for a, b in zip(views, c.objects_from_msg(c.objects_to_msg(views, 5 * 10**9, "map", 1)), strict=True):
        assert (a.id, a.label, a.states, a.last_seen_ns, a.place, a.color) == (b.id, b.label, b.states, b.last_seen_ns, b.place, b.color)
        assert np.allclose(a.position, b.position) and np.allclose(a.covariance, b.covariance, atol=1e-8)
    events = [
        Event(1, 2, "moved", 3, {"position": np.ones(3)}, {"place": "on the desk", "place_id": 4}, (5, 6), 0.5, "mug"),
        Event(2, 3, "appeared", 4, {}, {}),
    ]
    back = c.events_from_msg(c.events_to_msg(events))
    assert back[0].before == {"position": [1.0, 1.0, 1.0]} and back[0].evidence == (5, 6) and back[1].evidence == ()
    recall = Recall(
        "ambiguous", 7, "mug", np.ones(3), 0.1, 0.9, 11, "on the desk", None, (Candidate(7, "mug", np.ones(3), 1.0, 0.9),), "Which?"
    )
    answer = recall_from_msg(recall_to_msg(recall))
    assert (answer.verdict, answer.id, answer.place_id, answer.last_seen_ns, answer.candidates[0].id) == ("ambiguous", 7, None, 11, 7)
    assert recall_from_msg(recall_to_msg(Recall("unknown"))).position is None


CODE = {"scores": "f", "boxes": "f", "embeddings": "f", "run_counts": "I", "runs": "I", "windows": "I"}
NUMBERS = st.lists(st.sampled_from([0.0, 1.0, -5.0, 31.5, 1e30, float("nan"), float("inf")]), max_size=8)
COUNTS = st.lists(st.integers(0, 2**32 - 1), max_size=6)
WORDS = st.lists(st.sampled_from(["", "mug", "{", "[1]", '{"open": 3}', "x" * 5000]), max_size=3)
SIZES = st.sampled_from([0, 1, 7, 32, 2**31])
JUNK = {  # what rclpy lets through, by field
    "labels": WORDS, "states": WORDS, "scores": NUMBERS, "boxes": NUMBERS, "embeddings": NUMBERS,
    "run_counts": COUNTS, "runs": COUNTS, "windows": COUNTS,
    "embedding_size": SIZES, "width": SIZES, "height": SIZES,
}  # fmt: skip


@settings(max_examples=2000)
@given(st.fixed_dictionaries({}, optional=JUNK))
def test_two_thousand_broken_messages_are_detections_or_a_reason(changes: dict) -> None:
    msg = c.detections_to_msg(Detections(("mug",), np.ones(1), np.array([[1, 1, 5, 5.0]]), np.ones((1, 24, 32), bool)), 32, 24)
    for name, value in changes.items():
        setattr(msg, name, array(CODE[name], value) if name in CODE else value)
    try:
        found = c.detections_from_msg(msg)
    except WireError as error:
        assert error.reason
    else:
        assert (np.isfinite(found.boxes_xyxy).all() and found.masks is None) or found.masks.shape[1:] == (msg.height, msg.width)


def test_a_mirror_follows_deltas_and_notices_a_gap() -> None:
    graph, diff, mirror = SceneGraph(), GraphDiff("map", 5), GraphMirror()
    rng = np.random.default_rng(3)
    deltas = []
    for k in range(60):
        i = int(rng.integers(1, 12)) + (20 if k > 39 else 0)  # ids of what is merged or forgotten are never used again
        graph.put(Node(i, "object", f"thing {k}", rng.normal(size=3), rng.random(3), 0.1, {"status": "confirmed"}, k))
        graph.begin_stay(i, k, rng.normal(size=3))
        graph.relate(i, "on", int(rng.integers(60, 63)), float(rng.random()), k)
        if k % 7 == 3:
            graph.end(i, k)
        if k == 40:
            graph.alias(1, 2, k)
        if k == 50:
            graph.forget({5})
        delta = diff.delta(graph, k)
        if delta is not None:
            deltas.append(delta)
    mirror.reset(deltas[0])
    for delta in deltas[1:]:
        mirror.apply(delta)
    assert same(graph, mirror.graph) and diff.delta(graph, 99) is None
    late = GraphMirror()
    late.reset(diff.whole(graph, 99))
    assert same(graph, late.graph) and late.seq == mirror.seq
    behind = GraphMirror()
    behind.reset(deltas[0])
    with pytest.raises(WireError) as caught:
        behind.apply(deltas[2])
    assert caught.value.reason == "gap"


def same(a: SceneGraph, b: SceneGraph) -> bool:
    """Nodes, present relations and stays are equal."""
    nodes = [(n.id, n.label, n.from_ns, n.to_ns) for n in a.all_nodes()] == [(n.id, n.label, n.from_ns, n.to_ns) for n in b.all_nodes()]
    key = [sorted((r.subject, r.predicate, r.object, r.from_ns) for r in g.relations()) for g in (a, b)]
    ids = {n.id for n in a.all_nodes()}
    stays = all([(s.from_ns, s.to_ns) for s in a.stays.get(i, [])] == [(s.from_ns, s.to_ns) for s in b.stays.get(i, [])] for i in ids)
    return nodes and key[0] == key[1] and stays and a.aliases == b.aliases
