"""The store and the facade on Python's own sqlite3, as on a machine without apsw: the same tests again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from robomem.memory.database import default_engine
from tests.memory import test_robot_memory, test_sqlite_store, test_telling

for suite in (test_sqlite_store, test_robot_memory, test_telling):
    globals().update({f"{name}__{suite.__name__[-9:]}": test for name, test in vars(suite).items() if name.startswith("test_")})


@pytest.fixture(scope="module", autouse=True)
def stdlib() -> Iterator[None]:
    before = os.environ.get("ROBOMEM_SQLITE")
    os.environ["ROBOMEM_SQLITE"] = "sqlite3"
    yield
    os.environ.pop("ROBOMEM_SQLITE")
    if before is not None:
        os.environ["ROBOMEM_SQLITE"] = before


def test_these_tests_run_on_it() -> None:
    assert default_engine() == "sqlite3"
