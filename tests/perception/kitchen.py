"""Where the recorded kitchen is, for tests that need it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("ROBOMEM_DATA") or Path(__file__).resolve().parents[2] / "../shared/data")
KITCHEN = DATA / "rgbd_kitchen"
MODELS = DATA.parent / "models"

needs_kitchen = pytest.mark.skipif(not KITCHEN.is_dir(), reason="no recorded kitchen; set ROBOMEM_DATA to the folder of rgbd_kitchen")
needs_models = pytest.mark.skipif(not (MODELS / "centernet_mb3_coco.onnx").is_file(), reason="the float32 model is not here")
