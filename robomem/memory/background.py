"""Work that must not hold anybody up, one run at a time, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from robomem.errors import RobomemError

END_S = 2.0  # how long closing waits for a run; a supervisor has little patience


class Background:
    """Runs `work` when asked to; who asks while it runs is not heard, there is nothing new to do yet.

    Args:
        work: what is done.  failed: told of its error, in that thread; the next run tries again. What is no error of ours ends the thread
            with its traceback all the same.
    """

    def __init__(self, work: Callable[[], object], failed: Callable[[Exception], None]) -> None:
        self._work, self._failed = work, failed
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """True while it runs."""
        return self._thread is not None and self._thread.is_alive()

    def run(self) -> None:
        """Begin, unless it is at it."""
        if self.busy:
            return
        self._thread = threading.Thread(target=self._once, name="background", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait a little for what runs; what has not ended by then meets a closed store, and says so."""
        if self._thread is not None:
            self._thread.join(END_S)
            self._thread = None

    def _once(self) -> None:
        try:
            self._work()
        except RobomemError as error:
            self._failed(error)
        except Exception as error:
            self._failed(error)
            raise
