"""Looking after a memory's file: `robomem memory stats | verify | backup | restore | forget | export`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from robomem.clock import NS_PER_S, SystemClock
from robomem.errors import InvalidInputError, StoreError
from robomem.memory import tool_args
from robomem.memory.forgetting import Region
from robomem.memory.integrity import Integrity, verify
from robomem.memory.lock import WriterLock
from robomem.memory.robot_memory import RobotMemory
from robomem.memory.sqlite_store import SqliteStore
from robomem.memory.tool_answers import iso
from robomem.memory.tools import what_to_forget

Say = Callable[[str], None]
SHOWN = 20  # damaged rows named


def open_store(db: Path, read_only: bool = True) -> SqliteStore:
    """The store of a database that exists.

    Raises:
        StoreError: there is none, or it is none of ours.
    """
    if not db.is_file():
        raise StoreError(f"{db}: no such database; check the path")
    return SqliteStore(str(db), SystemClock(), read_only=read_only)


def stats(db: Path) -> dict[str, Any]:
    """Engine, versions, rows and bytes against their bounds, the time covered (plain JSON values)."""
    with closing(open_store(db)) as store:
        first, last = store.query("SELECT min(stamp_ns), max(stamp_ns) FROM observations")[0]
        size = store.query("PRAGMA page_count")[0][0] * store.query("PRAGMA page_size")[0][0]
        files = {p.name: p.stat().st_size for p in (db, *(db.with_name(db.name + end) for end in ("-wal", "-shm"))) if p.exists()}
        rows = max(1, sum(store.count(t) for t in store.sealed()))
        return {
            **store.health(),
            "usage": store.usage(),
            "files": files,
            "bytes_per_row": round(size / rows),
            "observed": {"from": iso(first), "to": iso(last), "hours": round(((last or 0) - (first or 0)) / NS_PER_S / 3600, 2)},
        }


def show_stats(db: Path, say: Say) -> None:
    """`stats`, to be read."""
    s = stats(db)
    say(f"{db}: schema {s['schema_version']}, SQLite {s['sqlite']} by {s['engine']}, map {s['map_id']}")
    say(f"  bytes {sum(s['files'].values())} in {', '.join(s['files'])}; {s['bytes_per_row']} a row")
    say(f"  observed {s['observed']['from']} to {s['observed']['to']} ({s['observed']['hours']} h)")
    for name, n in s["rows"].items():
        say(f"  {name:<14}{n:>10}" + (f" of at most {s['usage'][name]['max']}" if name in s["usage"] else ""))
    say(f"  quarantined {s['quarantined']}, damaged rows met {s['bad_rows']}")
    for line in s["warnings"]:
        say(f"  warning: {line}")


def check(db: Path, repair: bool, say: Say) -> bool:
    """Look at every row; True if all is sound.

    Args:
        repair: take damaged rows out and mend what can be derived (needs to be the one writer); else nothing is changed.
    """
    with closing(open_store(db, read_only=not repair)) as store:
        report = verify(store)
    tell_integrity(report, say)
    if not report.ok and not repair:
        say("nothing was changed; --repair takes damaged rows out and rebuilds what can be derived")
    return report.ok


def tell_integrity(report: Integrity, say: Say) -> None:
    """A report of `verify`, to be read."""
    faults = f"{len(report.damaged)} damaged, {len(report.problems) + len(report.unreadable)} other problems"
    say(f"{report.rows} rows looked at: {'all sound' if report.ok else faults}")
    for line in (*report.unreadable, *report.problems, *report.damaged[:SHOWN]):
        say(f"  {line}")
    if len(report.damaged) > SHOWN:
        say(f"  and {len(report.damaged) - SHOWN} more")


def backup(db: Path, out: Path, force: bool, say: Say) -> None:
    """A complete copy, beside a running writer too, read back and verified before it gets its name.

    Raises:
        InvalidInputError: the copy's name is taken.
        StoreError: it cannot be written, or does not verify.
    """
    refuse_taken(out, force)
    fresh = out.with_name(out.name + ".new")
    with closing(open_store(db)) as store:
        say(f"copying {db} ({db.stat().st_size} bytes)")
        store.backup(str(fresh))
    try:
        _verified(fresh, say)
        fresh.replace(out)
    finally:
        _drop(fresh)
    _settle(out)
    say(f"{out}: {out.stat().st_size} bytes")


def restore(copy: Path, db: Path, force: bool, say: Say) -> None:
    """Put a verified copy in the place of a database that nobody is writing. What is there is replaced as a whole, or not at all.

    Raises:
        InvalidInputError: a database is there and `force` is not given.
        StoreLockedError: somebody is writing it.
        StoreError: the copy is damaged: nothing was changed.
    """
    refuse_taken(db, force)
    if not copy.is_file():
        raise StoreError(f"{copy}: no such backup; check the path")
    lock, fresh = WriterLock(str(db)), db.with_name(db.name + ".new")
    try:
        with closing(open_store(copy)) as store:
            say(f"copying {copy} ({copy.stat().st_size} bytes)")
            store.backup(str(fresh))
        _verified(fresh, say)
        for end in ("-wal", "-shm"):  # the old database's log must never be played into the new one
            db.with_name(db.name + end).unlink(missing_ok=True)
        fresh.replace(db)
        _settle(db)
    finally:
        _drop(fresh)
        lock.release()
    say(f"{db}: restored")


def forget(db: Path, query: str | None, all_matching: bool, region: Region | None, say: Say, dry_run: bool = False) -> None:
    """Erase a thing, a kind or what is in a region, from every table and the file's bytes.

    Args:
        dry_run: only say what would go, beside a running writer too.

    Raises:
        InvalidInputError: nothing or several things fit.
        StoreLockedError: somebody else is writing the memory.
    """
    if (query is None) == (region is None):
        raise InvalidInputError("forget: give either a thing (words or '#12') or --region X0 Y0 X1 Y1")
    open_store(db).close()
    with RobotMemory.open(db, read_only=dry_run) as memory:
        act = memory.would_forget if dry_run else memory.forget
        if region is not None:
            done = act(region=region)
        else:
            label, ident = what_to_forget(memory, tool_args.subject(query or ""), all_matching)
            done = act(label=label, id=ident)
        named = _named(memory, done.ids) if dry_run else [f"#{i}" for i in done.ids]
    say(f"{'would be forgotten' if dry_run else 'forgotten'}: {', '.join(named) or 'no object'}")
    for name, n in sorted(done.rows.items()):
        if n:
            say(f"  {name:<14}{n:>8} rows")
    if dry_run:
        say("nothing was changed; without --dry-run it is, for good")


def _named(memory: RobotMemory, ids: Sequence[int]) -> list[str]:
    """ "the red mug (#12) on the desk in the study"; an id that was merged into another is that one."""
    rows = memory.store.objects()
    return [" ".join(filter(None, ("the", rows[i][0].color, rows[i][0].label, f"(#{i})", rows[i][1].words))) for i in ids if i in rows]


def consolidate(db: Path, say: Say) -> None:
    """Work over what happened: see RobotMemory.consolidate.

    Raises:
        StoreLockedError: somebody else is writing the memory; its process has the same verb.
    """
    open_store(db).close()
    with RobotMemory.open(db) as memory:
        done = memory.consolidate()
    say(f"consolidated: {done.episodes} episodes, {done.facts} facts, {done.days} day summaries written")


def refuse_taken(path: Path, force: bool) -> None:
    """Raises: InvalidInputError if something of that name is there and may not be replaced."""
    if path.exists() and not force:
        raise InvalidInputError(f"{path}: exists; --force replaces it")
    if not path.parent.is_dir():
        raise InvalidInputError(f"{path}: its folder does not exist; make it first")


def _verified(path: Path, say: Say) -> None:
    with closing(open_store(path)) as store:
        report = verify(store)
    if not report.ok:
        tell_integrity(report, say)
        raise StoreError(f"{path.name}: the copy is damaged; nothing was changed. See memory verify --repair")
    say(f"verified: {report.rows} rows, all sound")


def _drop(path: Path) -> None:
    for end in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _settle(path: Path) -> None:
    """The file and its name are on the disk when this returns."""
    for target in (path, path.parent):
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
