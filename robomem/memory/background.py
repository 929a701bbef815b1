"""Work that must not hold anybody up, one run at a time, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from robomem.errors import RobomemError

END_S = 30.0  # how long closing waits for a run


class Background:
    """Runs `work` when asked to; who asks while it runs is not heard, there is nothing new to do yet.

    Args:
        work: what is done.  failed: told of its error; the next run tries again.
    """

    def __init__(self, work: Callable[[], object], failed: Callable[[str], None]) -> None:
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
        """Wait for what runs."""
        if self._thread is not None:
            self._thread.join(END_S)
            self._thread = None

    def _once(self) -> None:
        try:
            self._work()
        except RobomemError as error:
            self._failed(str(error))
