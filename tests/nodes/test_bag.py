"""Bags as files: every MCAP tool reads them, a killed recording is readable up to its last chunk, and damage is counted, not believed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mcap", reason="pip install 'robomem[ros]'")
pytest.importorskip("rosbags", reason="pip install 'robomem[ros]'")

from robomem.errors import InvalidInputError
from robomem.nodes import bag as bags
from robomem.nodes.bag import BagReader, BagWriter
from tests.fakes.bags import pictures, write
from tests.source import ROOT

TEXT = "string data\n"


def strings(path: Path, words: list[bytes], compression: str = "none", size: int = 0) -> Path:
    """A bag of std_msgs/String-like messages, one a millisecond, each padded to `size`."""
    with BagWriter(path, compression) as out:
        out.add_topic("/words", "std_msgs/msg/String", TEXT)
        for i, word in enumerate(words):
            word = word.ljust(size, b".")
            out.write("/words", i * 1_000_000, b"\0\1\0\0" + (len(word) + 1).to_bytes(4, "little") + word + b"\0")
    return path


@pytest.mark.parametrize("compression", bags.COMPRESSIONS)
def test_what_is_written_is_read(tmp_path: Path, compression: str) -> None:
    path = strings(tmp_path / "deep" / "w.mcap", [b"one", b"two", b"three"], compression)
    reader = BagReader(path)
    assert reader.topics == {"/words": "std_msgs/msg/String"} and reader.counts["/words"] == 3
    got = list(reader)
    assert [(m.log_ns, reader.decode(m).data) for m in got] == [(0, "one"), (1_000_000, "two"), (2_000_000, "three")]
    assert not reader.damage


def test_another_implementation_reads_it_too(tmp_path: Path) -> None:
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    path = write(tmp_path / "cam.mcap", frames := pictures(n=3))
    with AnyReader([path], default_typestore=get_typestore(Stores.EMPTY)) as reader:
        static = next(c for c in reader.connections if c.topic == "/tf_static").ext.offered_qos_profiles
        assert static[0].durability.name == "TRANSIENT_LOCAL" and static[0].reliability.name == "RELIABLE"
        rgb = [c for c in reader.connections if c.topic == "/rgb/image"]
        images = [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages(connections=rgb)]
    assert np.array_equal(images[2].data.reshape(120, 160, 3), frames[2].rgb)
    assert (images[2].header.frame_id, images[2].header.stamp.sec, images[2].header.stamp.nanosec) == ("head_optical", 1, 200_000_000)


def test_a_recording_never_overwrites_one(tmp_path: Path) -> None:
    path = strings(tmp_path / "w.mcap", [b"precious"])
    before = path.read_bytes()
    with pytest.raises(InvalidInputError, match="exists"):
        BagWriter(path)
    assert path.read_bytes() == before


KILLED = """
import sys
from robomem.nodes.bag import BagWriter
out = BagWriter(sys.argv[1], "lz4")
out.add_topic("/words", "std_msgs/msg/String", "string data\\n")
word = b"x" * 100_000
for i in range(10**9):
    out.write("/words", i, b"\\0\\1\\0\\0" + (len(word) + 1).to_bytes(4, "little") + i.to_bytes(4, "little") + word[4:] + b"\\0")
    if i == 200:
        print("going", flush=True)
"""


def test_a_killed_recording_is_readable_up_to_its_last_chunk(tmp_path: Path) -> None:
    path = tmp_path / "killed.mcap"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None and process.stdout.readline() == b"going\n"
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reader = BagReader(path)
    numbers = [int.from_bytes(m.data[8:12], "little") for m in reader]
    # At the print, 200 messages of 100 kB were written: all but those of the chunk in the making (4 MiB, under 45 messages) are on disk.
    assert len(numbers) > 155 and numbers == list(range(len(numbers)))
    assert reader.damage["truncated_bag"] == 1 and reader.counts["/words"] == len(numbers)


def test_cut_anywhere_it_reads_a_prefix_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bags, "CHUNK", 200)
    whole = strings(tmp_path / "w.mcap", [b"w%02d" % i for i in range(40)], "lz4", size=60).read_bytes()
    lengths, rng = set(), np.random.default_rng(0)
    for cut in {*rng.integers(8, len(whole) - 1, 150).tolist(), 8, len(whole) - 1, len(whole) - 8}:
        path = tmp_path / "cut.mcap"
        path.write_bytes(whole[:cut])
        reader = BagReader(path)
        got = [reader.decode(m).data[:3] for m in reader]
        assert got == [f"w{i:02d}" for i in range(len(got))], cut
        assert reader.damage, cut
        lengths.add(len(got))
    assert len(lengths) > 10 and max(lengths) == 40


def test_a_flipped_bit_costs_a_chunk_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bags, "CHUNK", 200)
    words = [b"w%02d" % i for i in range(40)]
    whole = strings(tmp_path / "w.mcap", words, "none", size=60).read_bytes()
    flipped, rng = 0, np.random.default_rng(1)
    for at in rng.integers(8, len(whole), 150).tolist():
        path = tmp_path / "flip.mcap"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << int(rng.integers(8)))]) + whole[at + 1 :])
        try:
            reader = BagReader(path)
            got = [m.data[8:11] for m in reader]
        except InvalidInputError:
            continue
        assert set(got) <= set(words), at  # a changed message is never believed: every chunk has a checksum
        flipped += bool(reader.damage)
    assert flipped > 50


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is no MCAP file"), (b"SQLite format 3\0" + bytes(100), "is no MCAP file"), (b"#ROSBAG V2.0\n" + bytes(100), "rosbags-convert")],
)
def test_foreign_files_are_refused_with_a_way_out(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.mcap"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=words):
        BagReader(path)


def test_a_folder_as_rosbag2_leaves_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no \.mcap in"):
        BagReader(tmp_path)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        BagReader(tmp_path / "nothing.mcap")
    for k, word in enumerate((b"first", b"second")):
        strings(tmp_path / f"bag_{k}.mcap", [word])
    reader = BagReader(tmp_path)
    assert [reader.decode(m).data for m in reader] == ["first", "second"] and reader.counts["/words"] == 2


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0", b"\0\1\0\0\xff\xff\xff\x7fabc", b"\0\1\0\0\2\0\0\0\xff\0", b"\7\7\7\7aaaa"])
def test_bytes_that_are_no_such_message(tmp_path: Path, data: bytes) -> None:
    with BagWriter(tmp_path / "w.mcap") as out:
        out.add_topic("/words", "std_msgs/msg/String", TEXT)
        out.write("/words", 0, data)
    reader = BagReader(tmp_path / "w.mcap")
    with pytest.raises(InvalidInputError, match="/words holds something that is no std_msgs/msg/String"):
        reader.decode(next(iter(reader)))
