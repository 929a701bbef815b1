"""The detector node: an answer per image with the image's own stamp, whichever way up the camera is; what is no image is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.nodes.environment import prepare_ros_environment, ros_missing

if ros_missing():
    pytest.skip(f"not installed: {', '.join(ros_missing())}; `make setup` builds and installs them", allow_module_level=True)
pytest.importorskip("onnxruntime")
prepare_ros_environment(local_only=True)

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from robomem_msgs.msg import DetectionMasks  # noqa: E402

from robomem.nodes import qos  # noqa: E402
from robomem.nodes.detector import turned_back  # noqa: E402
from robomem.nodes.wire import to_ns  # noqa: E402
from robomem.perception.detectors import CocoDetector  # noqa: E402
from robomem.types import Detections  # noqa: E402
from tests.fakes.ros_camera import Camera, image, ros_up, start  # noqa: E402
from tests.fakes.table_scene import item  # noqa: E402
from tests.fakes.table_scene import kitchen as table_kitchen  # noqa: E402


@given(st.integers(0, 3), st.tuples(st.integers(0, 29), st.integers(0, 19)), st.tuples(st.integers(1, 10), st.integers(1, 10)))
def test_a_box_found_in_the_turned_picture_is_where_the_thing_was(turns: int, corner: tuple[int, int], size: tuple[int, int]) -> None:
    picture = np.zeros((30, 40, 3), np.uint8)
    x0, y0 = corner
    x1, y1 = min(x0 + size[0], 40), min(y0 + size[1], 30)
    picture[y0:y1, x0:x1] = 255
    v, u = np.nonzero(np.rot90(picture, -turns)[..., 0])
    seen = Detections(("mug",), np.ones(1), np.array([[u.min(), v.min(), u.max() + 1, v.max() + 1]], float))
    assert turned_back(seen, turns, picture).boxes_xyxy[0].tolist() == [x0, y0, x1, y1]
    assert turned_back(Detections.empty(), turns, picture).boxes_xyxy.shape == (0, 4)


def test_every_image_is_answered_under_its_own_stamp_and_no_image_is_counted(tmp_path: Path) -> None:
    ros_up()
    process = start("detector", tmp_path, most_hz=30.0, threshold=0.05)
    camera = Camera(table_kitchen(item("mug", 1.9, 0.2), item("bottle", 2.1, -0.2, height=0.25)))
    answers: list[DetectionMasks] = []
    counts: dict[str, str] = {}
    node = camera.node
    node.create_subscription(DetectionMasks, "detections", answers.append, qos.OBJECTS)
    node.create_subscription(
        DiagnosticArray, "/diagnostics", lambda m: counts.update({v.key: v.value for s in m.status for v in s.values}), 10
    )
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (96, 128, 3), np.uint8)
    try:
        assert camera.until(lambda: node.count_subscribers("rgb/image") > 0, 30)
        stamps = []
        for k in range(1, 200):
            stamps.append(k * 1_000_000_000)
            camera.rgb.publish(image(picture, "rgb8", stamps[-1]))
            camera.spin(0.1)
            if len(answers) > 3:
                break
        assert len(answers) > 3, (tmp_path / "detector.log").read_text()[-1000:]
        got = [to_ns(a.header.stamp) for a in answers]
        assert set(got) <= set(stamps) and got == sorted(set(got))
        assert (answers[-1].width, answers[-1].height, answers[-1].header.frame_id) == (128, 96, "head_optical")
        assert list(answers[-1].labels) == list(CocoDetector(threshold=0.05).detect(picture).labels)  # what the network says, no less
        broken = image(picture, "rgb8", 10**15)
        broken.step = 7
        assert camera.until(lambda: bool(camera.rgb.publish(broken)) or "step_does_not_fit" in counts, 15)
        assert 10**15 not in [to_ns(a.header.stamp) for a in answers]
    finally:
        process.terminate()
        process.wait(10)
        camera.close()
