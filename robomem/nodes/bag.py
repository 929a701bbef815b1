"""Bags: MCAP files that any MCAP tool reads, readable even where a recording was killed. Needs no ROS, only `mcap` and `rosbags`."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from robomem.errors import InvalidInputError, MissingDependencyError

MAX_RECORD = 2**30  # bytes: a length beyond it is damage, not data
CHUNK = 4 * 2**20  # bytes that are written in one go; what a killed recording may lose
COMPRESSIONS = ("none", "lz4", "zstd")
MAGIC = b"\x89MCAP0\r\n"
DAMAGE = (ValueError, RuntimeError, struct.error, OverflowError, MemoryError, OSError)  # raised on damaged bytes
KEEP_LAST, RELIABLE, BEST_EFFORT, TRANSIENT_LOCAL, VOLATILE = 1, 1, 2, 1, 2  # of rmw


@dataclass(frozen=True)
class BagMessage:
    """One message as it lies in the file: topic, type name ("sensor_msgs/msg/Image"), time of recording, CDR bytes."""

    topic: str
    msgtype: str
    log_ns: int
    data: bytes


def need_bags() -> None:
    """Raises: MissingDependencyError if the packages that read and write bags are not installed."""
    try:
        import mcap.records  # noqa: F401
        import rosbags.typesys  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(f"bags need the packages mcap and rosbags ({error}); pip install 'robomem[ros]'") from None


class BagWriter:
    """Writes one file, a chunk at a time straight to the system: a process that is killed loses the last chunk at most.

    Args:
        path: a file that does not exist yet.
        compression: "none", "lz4" (quick: for live recording) or "zstd" (small).

    Raises:
        InvalidInputError: it exists, cannot be written, or the compression is none of these.
    """

    def __init__(self, path: str | Path, compression: str = "zstd") -> None:
        need_bags()
        from mcap.writer import CompressionType, Writer

        if compression not in COMPRESSIONS:
            raise InvalidInputError(f"bag: compression {compression!r} is none of {', '.join(COMPRESSIONS)}")
        self.path = Path(path)
        try:
            if self.path.exists():
                raise InvalidInputError(f"bag: {path} exists; a recording never overwrites one")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: the library writes a whole chunk by one call, so what it has written the kernel has.
            self._file: IO[bytes] = self.path.open("xb", buffering=0)
        except OSError as error:
            raise InvalidInputError(f"bag: {path} cannot be written: {error}") from None
        whole: Any = _Whole(self._file)
        self._writer = Writer(whole, CHUNK, CompressionType[compression.upper()])
        self._writer.start(profile="ros2", library="robomem")
        self._writer.add_metadata("rosbag2", {"serialized_metadata": ""})  # tells rosbag2 that QoS is written as numbers, as up to Iron
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self.messages = 0

    def add_topic(self, topic: str, msgtype: str, definition: str, latched: bool = False, reliable: bool = True) -> None:
        """Announce a topic before its first message.

        Args:
            topic: "/rgb/image".  msgtype: "sensor_msgs/msg/Image".
            definition: its .msg text and those of all types in it, as rosbag2 writes them.
            latched: `ros2 bag play` offers it transient-local.  reliable: else best effort.
        """
        if msgtype not in self._schemas:
            self._schemas[msgtype] = self._writer.register_schema(msgtype, "ros2msg", definition.encode())
        metadata = {"offered_qos_profiles": _qos(latched, reliable)}
        self._channels[topic] = self._writer.register_channel(topic, "cdr", self._schemas[msgtype], metadata)

    def write(self, topic: str, log_ns: int, data: bytes, publish_ns: int | None = None) -> None:
        """Append one serialised message of an announced topic.  Raises: OSError from the disk."""
        self._writer.add_message(self._channels[topic], max(log_ns, 0), data, max(log_ns if publish_ns is None else publish_ns, 0))
        self.messages += 1

    def size(self) -> int:
        """Bytes on disk so far."""
        return self._file.tell() if not self._file.closed else self.path.stat().st_size

    def close(self) -> None:
        """Write index and summary; safe to call twice.  Raises: OSError from the disk; what was written stays readable."""
        if not self._file.closed:
            try:
                self._writer.finish()
            finally:
                self._file.close()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Whole:
    """A raw file whose `write` takes all it is given: an unbuffered one may take less in one call."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        """All of it."""
        left = memoryview(data)
        while len(left):
            left = left[self._file.write(left) :]
        return len(data)

    def tell(self) -> int:
        """Bytes written."""
        return self._file.tell()


def _qos(latched: bool, reliable: bool) -> str:
    import yaml

    profile = {
        "history": KEEP_LAST,
        "depth": 10,
        "reliability": RELIABLE if reliable else BEST_EFFORT,
        "durability": TRANSIENT_LOCAL if latched else VOLATILE,
        "deadline": {"sec": 9223372036, "nsec": 854775807},
        "lifespan": {"sec": 9223372036, "nsec": 854775807},
        "liveliness": 1,
        "liveliness_lease_duration": {"sec": 9223372036, "nsec": 854775807},
        "avoid_ros_namespace_conventions": False,
    }
    return yaml.safe_dump([profile])


class BagReader:
    """Reads MCAP files front to back, so that one whose end is missing is read up to there.

    Args:
        path: a file, or a folder of them as `ros2 bag record` leaves it.

    Attributes:
        topics: name -> type name.
        counts: messages per topic.
        damage: what could not be read, by reason; more may come while iterating.

    Raises:
        InvalidInputError: no such file, or no MCAP.
    """

    def __init__(self, path: str | Path) -> None:
        need_bags()
        self.path = Path(path)
        self.topics: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.damage: Counter[str] = Counter()
        self._types: Any = None
        self._definitions: dict[str, str] = {}
        self._files = _files(self.path)
        for file in self._files:
            if not self._read_summary(file):
                self._scan(file)
        self.damage.clear()  # told when it is met while reading

    def __iter__(self) -> Iterator[BagMessage]:
        self.damage.clear()
        for file in self._files:
            yield from self._messages(file)

    def decode(self, message: BagMessage) -> Any:
        """The message's fields, by the definition that the bag itself holds.

        Raises:
            InvalidInputError: no definition, or bytes that do not fit it.
        """
        from rosbags.serde import SerdeError
        from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore

        if self._types is None:
            self._types = get_typestore(Stores.EMPTY)
        try:
            if message.msgtype not in self._types.fielddefs:
                self._types.register(get_types_from_msg(self._definitions[message.msgtype], message.msgtype))
            return self._types.deserialize_cdr(message.data, message.msgtype)
        except (SerdeError, TypesysError, KeyError, AssertionError, IndexError, MemoryError) as error:
            raise InvalidInputError(f"bag: {message.topic} holds something that is no {message.msgtype}: {error}") from None

    def _read_summary(self, file: Path) -> bool:
        """Topics and counts from the end of a whole file; False if there is no such end."""
        from mcap.exceptions import McapError
        from mcap.reader import SeekingReader

        with file.open("rb") as stream:
            try:
                summary = SeekingReader(stream, record_size_limit=MAX_RECORD).get_summary()
            except (McapError, *DAMAGE):
                return False
            if summary is None or summary.statistics is None or not summary.channels:
                return False
            for channel in summary.channels.values():
                self._meet(channel, summary.schemas.get(channel.schema_id))
                self.counts[channel.topic] += summary.statistics.channel_message_counts.get(channel.id, 0)
        return True

    def _scan(self, file: Path) -> None:
        for message in self._messages(file):
            self.counts[message.topic] += 1

    def _meet(self, channel: Any, schema: Any) -> None:
        if channel.message_encoding == "cdr" and schema is not None and schema.encoding == "ros2msg":
            self.topics[channel.topic] = schema.name
            self._definitions.setdefault(schema.name, schema.data.decode("utf-8", "replace"))

    def _messages(self, file: Path) -> Iterator[BagMessage]:
        from mcap.records import Channel, Message, Schema

        schemas: dict[int, Any] = {}
        channels: dict[int, Any] = {}
        with file.open("rb") as stream:
            for record in self._records(stream):
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    channels[record.id] = record
                    self._meet(record, schemas.get(record.schema_id))
                elif isinstance(record, Message) and record.channel_id in channels:
                    topic = channels[record.channel_id].topic
                    if topic in self.topics:
                        yield BagMessage(topic, self.topics[topic], record.log_time, record.data)

    def _records(self, stream: IO[bytes]) -> Iterator[Any]:
        """Every record; a damaged chunk is left out, and at the point where the file breaks off the reading ends."""
        from mcap.exceptions import McapError
        from mcap.records import Chunk
        from mcap.stream_reader import StreamReader, breakup_chunk
        from zstandard import ZstdError

        records = StreamReader(stream, emit_chunks=True, record_size_limit=MAX_RECORD).records
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except (McapError, *DAMAGE):
                self.damage["truncated_bag"] += 1
                return
            if not isinstance(record, Chunk):
                yield record
                continue
            try:
                if record.uncompressed_size > MAX_RECORD:
                    raise ValueError("absurd size")
                inner = breakup_chunk(record, validate_crc=True)
            except (McapError, ZstdError, *DAMAGE):
                self.damage["damaged_chunk"] += 1
                continue
            yield from inner


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(path.glob("*.mcap"))
        if not found:
            raise InvalidInputError(f"bag: no .mcap in {path}; convert other bags with `ros2 bag convert` or `rosbags-convert`")
        return [f for one in found for f in _files(one)]
    try:
        with path.open("rb") as stream:
            magic = stream.read(8)
    except OSError as error:
        raise InvalidInputError(f"bag: {path} cannot be read: {error}") from None
    if magic != MAGIC:
        raise InvalidInputError(f"bag: {path} is no MCAP file; convert other bags with `ros2 bag convert` or `rosbags-convert`")
    return [path]
