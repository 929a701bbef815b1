"""RViz: what is drawn of what is believed, and a saved configuration that names only topics and namespaces of ours."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from robomem.nodes.environment import prepare_ros_environment, ros_missing

ROOT = Path(__file__).resolve().parents[2]
RVIZ = ROOT / "config" / "robomem.rviz"

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
prepare_ros_environment(local_only=True)

from visualization_msgs.msg import Marker  # noqa: E402

from robomem.nodes import markers as drawing  # noqa: E402
from robomem.nodes.markers import age, label, markers  # noqa: E402
from robomem.viewer.colors import STATUS, rgb  # noqa: E402
from robomem.viewer.shapes import spread  # noqa: E402
from tests.viewer.scene import START, S, view  # noqa: E402

NOW = START + 60 * S + 180 * S  # three minutes after the last sighting


def drawn(*views) -> dict[tuple[str, int], Marker]:
    found = markers(views, "map", NOW).markers
    assert found[0].action == Marker.DELETEALL
    return {(m.ns, m.id): m for m in found[1:]}


def test_opacity_says_existence_and_colour_the_status() -> None:
    sure, doubtful, held = (
        view(1, "mug", (1, 2, 0.8), existence=1.0),
        view(2, "cup", (1, 1, 0.8), existence=0.2),
        view(3, "jug", (0, 0, 1), "held"),
    )
    found = drawn(sure, doubtful, held)
    assert found["object", 1].color.a == pytest.approx(0.75) and found["object", 2].color.a == pytest.approx(0.27)
    for i, status in ((1, "confirmed"), (3, "held")):
        c = found["object", i].color
        assert np.allclose((c.r, c.g, c.b), np.array(rgb(STATUS[status])) / 255, atol=1e-6)
    box = found["object", 1]
    assert (box.type, box.header.frame_id, box.header.stamp.sec) == (Marker.CUBE, "map", NOW // S)
    assert (box.pose.position.x, box.pose.position.y, box.pose.position.z) == (1.0, 2.0, 0.8)
    assert (box.scale.x, box.scale.y, box.scale.z) == (0.1, 0.1, 0.12)


def test_a_missing_object_is_a_faint_box_at_its_last_place_that_says_since_when() -> None:
    found = drawn(view(4, "mug", (1, 2, 0.8), "missing", 0.4))
    assert ("object", 4) not in found
    assert found["last_place", 4].color.a == pytest.approx(0.15)
    assert found["names", 4].text == "mug #4 40%, last seen 3 min ago"


@pytest.mark.parametrize(
    ("status", "boxes", "names"),
    [("confirmed", 1, 1), ("occluded", 1, 1), ("held", 1, 1), ("missing", 1, 1), ("tentative", 1, 0), ("removed", 0, 0)],
)
def test_what_is_drawn_for_each_status(status: str, boxes: int, names: int) -> None:
    kinds = [m.type for m in drawn(view(1, "mug", (1, 2, 0.8), status)).values()]
    assert kinds.count(Marker.CUBE) == boxes and kinds.count(Marker.TEXT_VIEW_FACING) == names


def test_names_stand_over_their_boxes() -> None:
    found = drawn(view(1, "fridge", (1, 2, 0.9), kind="furniture", size=(0.6, 0.6, 1.8)))
    assert found["names", 1].pose.position.z > 1.8 and found["names", 1].color.a == 1.0
    assert label(replace(view(7, "mug", (0, 0, 0)), color="red"), NOW) == "red mug #7 97%"


def test_spread_is_an_ellipsoid_along_the_covariance() -> None:
    turn = np.array([[np.cos(0.5), -np.sin(0.5), 0], [np.sin(0.5), np.cos(0.5), 0], [0, 0, 1.0]])
    wide = replace(view(1, "mug", (1, 2, 0.8)), covariance=turn @ np.diag([0.2**2, 0.05**2, 0.01**2]) @ turn.T)
    m = drawn(wide)["spread", 1]
    assert m.type == Marker.SPHERE and sorted((m.scale.x, m.scale.y, m.scale.z)) == pytest.approx(
        [2 * 2.5 * s for s in (0.01, 0.05, 0.2)], rel=0.01
    )
    q = m.pose.orientation
    assert np.linalg.norm([q.w, q.x, q.y, q.z]) == pytest.approx(1.0)
    assert ("spread", 1) not in drawn(view(1, "mug", (1, 2, 0.8), sigma=0.005))  # it would hide in the box
    assert ("spread", 1) not in drawn(view(1, "sofa", (1, 2, 0.4), kind="furniture", sigma=0.3))


def test_the_ellipsoid_holds_ninety_percent() -> None:
    from robomem.geometry import matrix_from_quaternion

    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3))
    half, q = spread(root @ root.T)
    local = rng.multivariate_normal(np.zeros(3), root @ root.T, 20_000) @ matrix_from_quaternion(q)
    assert np.mean(((local / half) ** 2).sum(axis=1) < 1) == pytest.approx(0.90, abs=0.01)
    assert np.isfinite(spread(np.zeros((3, 3)))[1]).all() and spread(-np.eye(3))[0].max() == 0


@pytest.mark.parametrize(("seconds", "words"), [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (3 * 86400, "3 d")])
def test_ages_in_words(seconds: float, words: str) -> None:
    assert age(seconds) == words


def displays() -> list[dict]:
    return yaml.safe_load(RVIZ.read_text("utf-8"))["Visualization Manager"]["Displays"]


def published() -> dict[str, str]:
    """Absolute topic -> class of what our nodes and the simulator's drivers publish, from their sources."""
    out = {"/rgb/image": "Image", "/depth/image": "Image"}  # the robot's drivers', by the names that world_model reads
    text = (ROOT / "robomem" / "nodes" / "world_model.py").read_text("utf-8")
    assert all(f'"{topic[1:]}"' in text for topic in out)
    text += (ROOT / "robomem" / "nodes" / "world_news.py").read_text("utf-8")
    out |= {f"/{t}": kind for kind, t in re.findall(r'create_publisher\((\w+), "([\w/]+)"', text)}
    return out


def test_rviz_shows_only_topics_that_exist() -> None:
    shown = {d["Topic"]["Value"]: d for d in displays() if "Topic" in d}
    assert "/markers" in shown and "/rgb/image" in shown
    kinds = published()
    for topic, display in shown.items():
        assert display["Class"] == f"rviz_default_plugins/{kinds[topic]}", topic


def test_rviz_quality_of_service_fits_the_publishers() -> None:
    for d in displays():
        if "Topic" in d:
            images = d["Class"].endswith("/Image")
            assert d["Topic"]["Reliability Policy"] == ("Best Effort" if images else "Reliable")
            assert d["Topic"]["Durability Policy"] == "Volatile"


def test_rviz_frame_and_namespaces_are_ours() -> None:
    config = yaml.safe_load(RVIZ.read_text("utf-8"))["Visualization Manager"]
    assert config["Global Options"]["Fixed Frame"] == "map"
    names = next(d["Namespaces"] for d in config["Displays"] if d["Class"].endswith("MarkerArray"))
    assert names.keys() == {"object", "furniture", "agent", drawing.NAMES, drawing.SPREAD, drawing.LAST_PLACE}
    assert {d["Class"].split("/")[0] for d in config["Displays"]} == {"rviz_default_plugins"}  # nothing that a robot may not have
