"""`robomem doctor`: what is installed, what is missing, which command mends it. Needs nothing but the standard library.

Where another package shadows ours, the console script cannot start: `python -m robomem.doctor` in the checkout always can.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata as metadata
import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
ENTRY_POINT = "robomem.cli:main"  # tells our distribution from the other one that is called robomem too
LOCK_PLACES = (ROOT / "requirements.lock", Path(sys.prefix) / "share" / "robomem" / "requirements.lock")
LIBRARIES = {  # file the linker must find: Debian package, extra that needs it
    "libusb-1.0.so.0": ("libusb-1.0-0", "perception"),
    "libgomp.so.1": ("libgomp1", "perception"),
    "libGL.so.1": ("libgl1", "perception"),
    "libEGL.so.1": ("libegl1", "perception"),
    "libX11.so.6": ("libx11-6", "perception"),
}
WEIGHT_FILES = (".onnx", ".bin", ".npz", ".json", ".safetensors")
WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))  # a checkpoint that resets the log beside a writer could lose a commit
MARKS = {"ok": "ok", "note": "--", "problem": "!!"}


@dataclass(frozen=True)
class Finding:
    """One line of the report. A problem makes the exit status 1; a note does not."""

    level: Literal["ok", "note", "problem"]
    topic: str
    text: str
    mend: str = ""


def run(stream: TextIO) -> int:
    """Write the report.

    Returns:
        0 if robomem can work as it is installed, 1 if something needs mending.
    """
    findings = [finding for part in (machine, shadowing, packages, libraries, weights, sqlite) for finding in part()]
    topic = ""
    for finding in findings:
        if finding.topic != topic:
            topic = finding.topic
            stream.write(f"\n{topic}\n")
        stream.write(f"  {MARKS[finding.level]}  {finding.text}\n")
        if finding.mend:
            stream.write(f"        {finding.mend}\n")
    problems = sum(f.level == "problem" for f in findings)
    notes = sum(f.level == "note" for f in findings)
    stream.write(f"\n{problems} to mend, {notes} optional or worth knowing\n" if problems or notes else "\nall well\n")
    return 1 if problems else 0


def machine() -> Iterator[Finding]:
    """Python, processors and threads."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        yield Finding("ok", "machine", f"Python {version} on {platform.system()} {platform.machine()}")
    else:
        yield Finding("note", "machine", f"Python {version}: robomem is tested on 3.10 to 3.12", "the pinned set is for 3.11: make setup")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = ", ".join(f"{k}={os.environ[k]}" for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS") if k in os.environ)
    yield Finding("ok", "machine", f"{usable} of {os.cpu_count()} processors usable; {threads or 'no thread limits set'}")


def shadowing(search_path: Sequence[str] | None = None) -> Iterator[Finding]:
    """Whether `import robomem` finds this package everywhere, and whether another distribution carries one of that name.

    Args:
        search_path: where to look for other installations; `sys.path` without the folder this module runs from by default.
    """
    path = list(sys.path if search_path is None else search_path)
    foreign = [d for d in metadata.distributions(path=path) if _provides_robomem(d) and not _is_ours(d)]
    for dist in foreign:
        name, version = dist.metadata["Name"], dist.version
        yield Finding(
            "problem",
            "this package",
            f"the distribution {name} {version} is another project that installs a module named robomem",
            f"python -m pip uninstall -y {name} && python -m pip install -e {ROOT}",
        )
    others = {Path(p).resolve() / "robomem" for p in path} - {PACKAGE}
    for folder in sorted(f for f in others if (f / "__init__.py").exists()):
        yield Finding(
            "problem",
            "this package",
            f"another module named robomem lies in {folder}",
            "remove it, or the folder above it from PYTHONPATH, or uninstall what put it there",
        )
    found = _plain_import()
    if found is None:
        yield Finding(
            "note",
            "this package",
            f"{PACKAGE} is not installed: `import robomem` works only from its checkout or by PYTHONPATH",
            f"python -m pip install -e {ROOT}",
        )
    elif found != PACKAGE:
        yield Finding("problem", "this package", f"`import robomem` finds {found}, not {PACKAGE}", f"python -m pip install -e {ROOT}")
    else:
        yield Finding("ok", "this package", f"robomem {_our_version()} from {PACKAGE}")


def packages(requirements: Sequence[str] | None = None, pins: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Every dependency by extra: installed version against the lock file.

    Args:
        requirements: requirement strings with their extra markers; those of the installed distribution by default.
        pins: name -> version; those of requirements.lock by default.
    """
    wanted = _our_requirements() if requirements is None else list(requirements)
    locked = read_lock() if pins is None else pins
    if not wanted:
        yield Finding(
            "note", "packages", "robomem is not installed, so its list of dependencies is not known", f"python -m pip install -e {ROOT}"
        )
    groups: dict[str, list[str]] = {}
    for requirement in wanted:
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", requirement)
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name:
            groups.setdefault(extra.group(1) if extra else "", []).append(_normal(name.group()))
    for extra, names in groups.items():
        if extra != "test":  # part of dev
            yield from _group(extra, sorted(set(names)), locked)


def libraries() -> Iterator[Finding]:
    """Shared libraries that Open3D and PyBullet load."""
    if platform.system() != "Linux":
        return
    missing: list[str] = []
    needed = False
    for file, (package, extra) in LIBRARIES.items():
        try:
            ctypes.CDLL(file)
        except OSError:
            missing.append(package)
            needed |= extra == "perception" and importlib.util.find_spec("open3d") is not None
    if missing:
        level: Literal["problem", "note"] = "problem" if needed else "note"
        yield Finding(
            level,
            "system libraries",
            f"missing: {' '.join(missing)}",
            f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(missing)}",
        )
    else:
        yield Finding("ok", "system libraries", "all found: " + " ".join(package for package, _ in LIBRARIES.values()))


def weights(folder: Path = PACKAGE / "weights") -> Iterator[Finding]:
    """Whether each packaged network is there and is the file its card describes."""
    cards = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("__")) if folder.is_dir() else []
    if not cards:
        yield Finding("problem", "weights", f"no networks in {folder}", "reinstall robomem; a checkout carries them in robomem/weights")
    for card in cards:
        written = "".join(p.read_text(encoding="utf-8") for p in (*card.glob("*.md"), *card.glob("SHA256SUMS")))
        known = set(re.findall(r"\b[0-9a-f]{64}\b", written))
        files = [p for p in sorted(card.iterdir()) if p.suffix in WEIGHT_FILES]
        for path in files:
            if hashlib.sha256(path.read_bytes()).hexdigest() in known:
                yield Finding("ok", "weights", f"{card.name}/{path.name}: {path.stat().st_size / 1e6:.1f} MB, as its card says")
            else:
                yield Finding(
                    "problem",
                    "weights",
                    f"{card.name}/{path.name}: its sha256 is not the one in its card",
                    "the file is damaged or was replaced: restore it with git checkout, or reinstall robomem",
                )
        if not files:
            yield Finding(
                "problem", "weights", f"{card.name}: the network file is missing", "restore it with git checkout, or reinstall robomem"
            )


def sqlite(version: str | None = None) -> Iterator[Finding]:
    """The SQLite that the store will use: apsw's own, else the standard library's.

    Args:
        version: the version to judge; that of the machine by default.
    """
    has_apsw = importlib.util.find_spec("apsw") is not None
    if version is None:
        if has_apsw:
            import apsw

            version = apsw.sqlite_lib_version()
        else:
            import sqlite3

            version = sqlite3.sqlite_version
    numbers = tuple(int(part) for part in version.split(".")[:3])
    source = "apsw" if has_apsw else "the standard library"
    if WAL_RESET_BUG[0] <= numbers <= WAL_RESET_BUG[1]:
        yield Finding(
            "note",
            "store",
            f"SQLite {version} from {source}: versions 3.7.0 to 3.51.2 can lose a commit in a rare race with a checkpoint",
            "python -m pip install -U apsw   # brings a newer SQLite of its own",
        )
    else:
        yield Finding("ok", "store", f"SQLite {version} from {source}")


def read_lock(places: Sequence[Path] = LOCK_PLACES) -> dict[str, str]:
    """Name -> pinned version from the first lock file there is; empty without one."""
    for path in places:
        if path.is_file():
            lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
            return {_normal(name): version for name, _, version in (line.partition("==") for line in lines if line and line[0] != "#")}
    return {}


def _group(extra: str, names: list[str], locked: Mapping[str, str]) -> Iterator[Finding]:
    topic = f"extra [{extra}]" if extra else "core packages"
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    constraint = f"-c {LOCK_PLACES[0]} " if LOCK_PLACES[0].is_file() else ""
    found = {name: _installed(name) for name in names}
    missing = [name for name, version in found.items() if version is None]
    there = ", ".join(_against_lock(name, version, locked) for name, version in found.items() if version)
    if there:
        yield Finding("ok", topic, there)
    if extra == "ros" and missing and importlib.util.find_spec("rclpy") is not None:
        yield Finding("ok", topic, "rclpy comes with this system's ROS 2")
    elif missing:
        yield Finding(
            "note" if extra else "problem", topic, "missing: " + ", ".join(missing), f"python -m pip install {constraint}-e '{target}'"
        )


def _against_lock(name: str, version: str, locked: Mapping[str, str]) -> str:
    pinned = locked.get(name)
    public = version.split("+")[0]
    return f"{name} {version}" if pinned in (None, public) else f"{name} {version} (lock: {pinned})"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _provides_robomem(dist: metadata.Distribution) -> bool:
    if _normal(dist.metadata["Name"] or "") == "robomem" or "robomem" in (dist.read_text("top_level.txt") or "").split():
        return True
    return any(str(file).startswith("robomem/") for file in dist.files or ())


def _is_ours(dist: metadata.Distribution) -> bool:
    return any(entry.value == ENTRY_POINT for entry in dist.entry_points) and _normal(dist.metadata["Name"] or "") == "robomem"


def _our_distribution() -> metadata.Distribution | None:
    return next((d for d in metadata.distributions() if _provides_robomem(d) and _is_ours(d)), None)


def _our_requirements() -> list[str]:
    dist = _our_distribution()
    return list(dist.requires or ()) if dist else []


def _our_version() -> str:
    dist = _our_distribution()
    return dist.version if dist else "(not installed)"


def _plain_import() -> Path | None:
    """The folder that `import robomem` finds in a Python started elsewhere, None if it finds none."""
    code = "import importlib.util as u; s = u.find_spec('robomem'); print(s.origin if s and s.origin else '')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.anchor, capture_output=True, text=True, timeout=60, check=False)
    return Path(done.stdout.strip()).resolve().parent if done.returncode == 0 and done.stdout.strip() else None


if __name__ == "__main__":
    raise SystemExit(run(sys.stdout))
