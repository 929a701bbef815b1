"""What the tiers ask of a store; SQLite is the one behind it, and a test may pass any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robomem.memory.corrections import Correction
from robomem.memory.records import Lesson, PlaceWords, Stay, StoredObservation
from robomem.types import Episode, Event, ObjectView, Observations

WordKind = Literal["object", "episode", "lesson"]
Located = tuple[ObjectView, PlaceWords]


class Store(Protocol):
    """Rows in, rows out. Times are ns, lengths m, map frame. A row that fails its checksum is never returned.

    Attributes:
        lost_groups: groups of rows that could not be written so far (disk full): what a caller thinks is on record may not be.
    """

    lost_groups: int

    def lease_ids(self, n: int) -> int:
        """First of `n` ids nobody else has or will have; durable when this returns."""
        ...

    def get_meta(self, key: str, default: str = "") -> str:
        """One value of the store's own notes (epoch_ns, map_id, ...)."""
        ...

    def put_meta(self, key: str, value: str) -> None:
        """Write one note."""
        ...

    def put_objects(self, rows: Iterable[Located]) -> None:
        """Replace the current rows of some objects."""
        ...

    def objects(self) -> Mapping[int, Located]:
        """Every object ever confirmed or tentative, by id, with the place it was last at."""
        ...

    def put_stays(self, stays: Iterable[Stay]) -> None:
        """Write stays, new or updated."""
        ...

    def stays(self, object_id: int | None = None, at_ns: int | None = None) -> list[Stay]:
        """Stays by object and start; `at_ns` keeps the last of each object that had begun by then."""
        ...

    def put_observations(self, observations: Observations, ids: NDArray[np.int64], object_ids: NDArray[np.int64]) -> None:
        """Write one frame's observations; the oldest make room when the budget is full."""
        ...

    def observations_of(self, object_id: int, from_ns: int, to_ns: int, k: int) -> list[StoredObservation]:
        """The newest `k` observations of one object within [from_ns, to_ns]."""
        ...

    def observations_near(self, center: ArrayLike, radius_m: float, from_ns: int, to_ns: int, k: int) -> list[StoredObservation]:
        """Up to `k` observations within `radius_m` and [from_ns, to_ns], nearest first."""
        ...

    def room_names(self) -> Mapping[int, str]:
        """What each room node ever known is called today."""
        ...

    def put_events(self, rows: Iterable[tuple[Event, int | None, int | None]]) -> None:
        """Write events with the ids of the rooms they left and reached."""
        ...

    def events(self, since_ns: int, until_ns: int, room: str = "", label: str = "", object_id: int | None = None) -> list[Event]:
        """Events within [since_ns, until_ns] in time order."""
        ...

    def put_episode(self, episode: Episode, limit: int) -> None:
        """Write an episode and its words; beyond `limit` the oldest go."""
        ...

    def episodes(self, ids: Sequence[int] | None = None, newest: int | None = None) -> list[Episode]:
        """Episodes by id, or the `newest` many, newest first."""
        ...

    def put_lesson(self, lesson: Lesson) -> None:
        """Write one version of a lesson and the words of its current text."""
        ...

    def lesson_versions(self, lesson_id: int | None = None) -> list[Lesson]:
        """Every version kept, by id and version."""
        ...

    def drop_lesson_version(self, lesson_id: int, version: int) -> None:
        """Take back one version."""
        ...

    def search_words(self, text: str, kind: WordKind, k: int) -> list[tuple[int, float]]:
        """(id, rank >= 0, best first) of records of one kind that hold any word of `text`."""
        ...

    def put_correction(self, correction: Correction) -> None:
        """Remember what a user said about an object."""
        ...

    def end_correction(self, correction: Correction, at_ns: int, why: str) -> None:
        """The place that was told holds no more; a label that was told goes on holding."""
        ...

    def corrections(self) -> dict[int, Correction]:
        """The newest correction of each object, as far as it still holds."""
        ...

    def resolve(self, object_id: int) -> int:
        """The id that `object_id` goes by now."""
        ...

    def put_graph(self, nodes: Iterable[Any], relations: Iterable[Any], stamp_ns: int) -> None:
        """Write nodes and relations of the scene graph (its Node and Relation) as known at `stamp_ns`."""
        ...

    def drop_nodes(self, ids: Sequence[int]) -> None:
        """Take nodes and their relations out of the graph's rows."""
        ...

    def merge(self, absorbed: int, kept: int, stamp_ns: int) -> None:
        """Two objects were one: the absorbed one's row goes, its observations, events and stays become the kept one's."""
        ...

    def graph_rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """All nodes and relations as dicts with the fields of Node and Relation."""
        ...

    def put_world(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the world model's snapshot; unchanged arrays cost nothing."""
        ...

    def world(self, start: str = "") -> dict[str, NDArray[Any]]:
        """The last snapshot (the arrays whose names begin with `start`), empty if there is none or a part of it is damaged."""
        ...

    def flush(self) -> None:
        """Everything put so far is on the disk when this returns."""
        ...
