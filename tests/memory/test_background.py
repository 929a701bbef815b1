"""Background work: one run at a time, never in the asker's way, and an error is told and not the end."""

from __future__ import annotations

import threading

from robomem.errors import StoreError
from robomem.memory.background import Background


def test_one_run_at_a_time_and_nobody_waits() -> None:
    begun, go = threading.Event(), threading.Event()
    done: list[bool] = []

    def work() -> None:
        begun.set()
        assert go.wait(10)
        done.append(threading.current_thread() is threading.main_thread())

    runner = Background(work, lambda _why: None)
    runner.run()
    assert begun.wait(10) and runner.busy and not done
    runner.run()
    go.set()
    runner.close()
    assert done == [False] and not runner.busy
    runner.run()
    runner.close()
    assert done == [False, False]


def test_an_error_is_told_and_the_next_run_tries_again() -> None:
    told: list[Exception] = []
    tries = iter((StoreError("the disk is full"), None))

    def work() -> None:
        if (error := next(tries)) is not None:
            raise error

    runner = Background(work, told.append)
    for _ in range(2):
        runner.run()
        runner.close()
    assert [str(error) for error in told] == ["the disk is full"]
