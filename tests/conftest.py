"""What all tests share: hypothesis without wall-clock deadlines (machines are busy), the same cases on every run, one numeric thread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("ROBOMEM_CONFIG", None)  # tests are of the defaults
settings.register_profile("robomem", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("robomem")


@pytest.fixture(scope="session")
def kitchen() -> Path:
    """The real RGB-D kitchen, where the data folder is at hand."""
    data = Path(os.environ.get("ROBOMEM_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    folder = data / "rgbd_kitchen"
    if not (folder / "objects.json").is_file():
        pytest.skip("the recorded kitchen is not here; set ROBOMEM_DATA to the folder that holds rgbd_kitchen")
    return folder
