"""Between who receives messages and the disk: a queue bounded in bytes and a thread that writes. Needs no ROS."""

from __future__ import annotations

import threading
from collections import Counter, deque
from pathlib import Path

from robomem.nodes.bag import BagWriter


class BagRecorder:
    """Records one bag. `put` never waits for the disk: what does not fit into the queue is dropped and counted.

    The bound is in bytes, so when the disk is too slow it is images that find no room; transforms still do.

    Args:
        path: a file that does not exist yet.
        compression: see BagWriter.
        queue_bytes: most that waits for the disk.

    Attributes:
        dropped: messages that found no room, by topic.
        error: why the disk takes no more, "" while it does; what was written before stays readable.

    Raises:
        InvalidInputError: the file exists or cannot be written.
    """

    def __init__(self, path: str | Path, compression: str = "lz4", queue_bytes: int = 2**28) -> None:
        self._writer = BagWriter(path, compression)
        self._limit, self._held = queue_bytes, 0
        self._queue: deque[tuple[str, int, int, bytes]] = deque()
        self._changed = threading.Condition()
        self._file = threading.Lock()
        self._ending = False
        self.dropped: Counter[str] = Counter()
        self.error = ""
        self._thread = threading.Thread(target=self._run, name="bag_recorder", daemon=True)
        self._thread.start()

    @property
    def messages(self) -> int:
        """Written so far."""
        return self._writer.messages

    @property
    def size(self) -> int:
        """Bytes on disk so far."""
        return self._writer.size()

    def add_topic(self, topic: str, msgtype: str, definition: str, latched: bool, reliable: bool) -> None:
        """Announce a topic before its first message; see BagWriter.add_topic."""
        with self._file:
            self._writer.add_topic(topic, msgtype, definition, latched, reliable)

    def put(self, topic: str, log_ns: int, publish_ns: int, data: bytes) -> bool:
        """Take a message; False if it was dropped."""
        with self._changed:
            if self.error or self._ending or (self._held + len(data) > self._limit):
                self.dropped[topic] += 1
                return False
            self._queue.append((topic, log_ns, publish_ns, data))
            self._held += len(data)
            self._changed.notify()
        return True

    def close(self) -> None:
        """Write what waits and finish the file; safe to call twice."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join()
        try:
            self._writer.close()
        except OSError as error:
            self.error = self.error or str(error)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._ending)
                if not self._queue:
                    return
                topic, log_ns, publish_ns, data = self._queue.popleft()
            try:
                with self._file:
                    self._writer.write(topic, log_ns, data, publish_ns)
            except OSError as error:
                self._give_up(topic, str(error))
            with self._changed:
                self._held -= len(data)

    def _give_up(self, topic: str, reason: str) -> None:
        with self._changed:
            self.error = reason
            self.dropped[topic] += 1
            self.dropped.update(t for t, *_ in self._queue)
            self._queue.clear()
