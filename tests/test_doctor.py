"""The doctor tells what is wrong and how to mend it, and says so in its exit status."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from robomem import doctor


def worst(findings) -> str:
    """The gravest level among findings."""
    levels = [f.level for f in findings]
    return next(level for level in ("problem", "note", "ok") if level in levels)


def foreign(folder: Path, name: str, entry_point: str = "robomem = robomem.main:go", module: bool = True) -> None:
    """Put an installed distribution that provides a module `robomem` into a folder."""
    info = folder / f"{name.replace('-', '_')}-9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n", encoding="utf-8")
    (info / "top_level.txt").write_text("robomem\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[console_scripts]\n{entry_point}\n", encoding="utf-8")
    if module:
        (folder / "robomem").mkdir()
        (folder / "robomem" / "__init__.py").write_text("", encoding="utf-8")


@pytest.mark.parametrize("name", ["robomem", "other-memory"])
def test_another_robomem_is_found_and_named(tmp_path, name: str) -> None:
    foreign(tmp_path, name)
    found = [f for f in doctor.shadowing([str(tmp_path)]) if f.level == "problem"]
    assert f"the distribution {name} 9.9 is another project" in found[0].text
    assert f"pip uninstall -y {name} && python -m pip install -e" in found[0].mend
    assert str(tmp_path / "robomem") in found[1].text


def test_our_own_distribution_is_not_foreign(tmp_path) -> None:
    foreign(tmp_path, "robomem", "robomem = robomem.cli:main", module=False)
    assert not [f for f in doctor.shadowing([str(tmp_path)]) if "another project" in f.text]


def test_an_import_that_finds_something_else_is_a_problem(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(doctor, "_plain_import", lambda: tmp_path)
    found = list(doctor.shadowing([]))
    assert worst(found) == "problem" and f"finds {tmp_path}" in found[0].text


def test_not_installed_is_only_a_note(monkeypatch) -> None:
    monkeypatch.setattr(doctor, "_plain_import", lambda: None)
    assert [f.level for f in doctor.shadowing([])] == ["note"]


@pytest.mark.parametrize(
    ("requirements", "level", "text"),
    [
        (["numpy>=1"], "ok", "numpy"),
        (["surely-not-installed>=1"], "problem", "missing: surely-not-installed"),
        (['surely-not-installed>=1; extra == "viewer"'], "note", "missing: surely-not-installed"),
        ([], "note", "not installed"),
    ],
)
def test_packages(requirements: list[str], level: str, text: str) -> None:
    found = list(doctor.packages(requirements, {}))
    assert worst(found) == level and text in " ".join(f.text for f in found)


def test_a_version_off_the_lock_is_shown() -> None:
    assert "(lock: 0.0.1)" in next(iter(doctor.packages(["numpy"], {"numpy": "0.0.1"}))).text


def test_a_local_build_of_the_locked_version_agrees_with_the_lock(monkeypatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: "2.13.0+cpu")
    assert "lock" not in next(iter(doctor.packages(["torch"], {"torch": "2.13.0"}))).text


def test_missing_extras_name_a_command_that_mends() -> None:
    finding = next(iter(doctor.packages(['nope; extra == "sim"'], {})))
    assert finding.mend.startswith("python -m pip install") and "[sim]" in finding.mend


def test_missing_libraries_name_the_packages(monkeypatch) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", {"libnope.so.7": ("libnope7", "perception")})
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
    finding = next(iter(doctor.libraries()))
    assert "libnope7" in finding.text and "apt-get install -y --no-install-recommends libnope7" in finding.mend


@pytest.mark.parametrize(
    ("version", "level"),
    [("3.6.23", "ok"), ("3.7.0", "note"), ("3.40.1", "note"), ("3.51.2", "note"), ("3.51.3", "ok"), ("3.54.1", "ok"), ("4.0.0", "ok")],
)
def test_sqlite_versions_that_can_lose_a_commit(version: str, level: str) -> None:
    finding = next(iter(doctor.sqlite(version)))
    assert finding.level == level and version in finding.text
    assert ("apsw" in finding.mend) == (level == "note")


def card(folder: Path, data: bytes, digest: str) -> None:
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "model.onnx").write_bytes(data)
    (folder / "net" / "README.md").write_text(f"sha256 {digest}\n", encoding="utf-8")


@pytest.mark.parametrize(("data", "level"), [(b"network", "ok"), (b"netw0rk", "problem")])
def test_weights_against_their_card(tmp_path, data: bytes, level: str) -> None:
    card(tmp_path, data, hashlib.sha256(b"network").hexdigest())
    assert worst(doctor.weights(tmp_path)) == level


def test_missing_weights(tmp_path) -> None:
    assert worst(doctor.weights(tmp_path / "none")) == "problem"
    (tmp_path / "net").mkdir()
    assert "file is missing" in next(iter(doctor.weights(tmp_path))).text


def test_the_packaged_weights_are_well() -> None:
    assert [f.text for f in doctor.weights() if f.level != "ok"] == []


@pytest.mark.parametrize(
    ("level", "status", "end"), [("ok", 0, "all well"), ("note", 0, "0 to mend, 1 optional"), ("problem", 1, "1 to mend")]
)
def test_exit_status_and_summary(monkeypatch, level: str, status: int, end: str) -> None:
    for part in ("machine", "shadowing", "packages", "libraries", "weights"):
        monkeypatch.setattr(doctor, part, lambda: iter(()))
    monkeypatch.setattr(doctor, "sqlite", lambda: iter([doctor.Finding(level, "store", "text", "command")]))
    out = io.StringIO()
    assert doctor.run(out) == status
    assert out.getvalue().rstrip().splitlines()[-1].startswith(end) and "        command\n" in out.getvalue()


def test_a_full_report_has_every_section() -> None:
    out = io.StringIO()
    doctor.run(out)
    for topic in ("machine", "this package", "system libraries", "weights", "store"):
        assert f"\n{topic}\n" in out.getvalue()


def test_the_lock_is_read(tmp_path) -> None:
    path = tmp_path / "requirements.lock"
    path.write_text("# a comment\nNumPy==2.4.6\nros_rclpy==9.1.2\n", encoding="utf-8")
    assert doctor.read_lock([tmp_path / "none", path]) == {"numpy": "2.4.6", "ros-rclpy": "9.1.2"}
    assert doctor.read_lock([]) == {}
