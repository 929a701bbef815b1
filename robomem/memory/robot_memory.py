"""RobotMemory: the face of robomem. Observe frames, ask questions, forget; one process writes, any number read."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from robomem.belief.correction import MapCorrection
from robomem.belief.existence import MoveRates
from robomem.clock import Clock, SystemClock, whole_ns
from robomem.config import RobomemConfig, of_environment
from robomem.errors import InvalidInputError, StoreError
from robomem.ids import IdAllocator
from robomem.memory.budget import Budget
from robomem.memory.change_kinds import Area, of_kind
from robomem.memory.embedding import LabelSimilarity
from robomem.memory.episodic import EpisodicMemory
from robomem.memory.forget_verbs import ForgetVerbs
from robomem.memory.live_world import FrameDoor, LiveWorld, check_masks, nothing_changed
from robomem.memory.questions import Questions, graph_of
from robomem.memory.recorder import Recorder, place_of
from robomem.memory.records import Lesson
from robomem.memory.remap import Remapper
from robomem.memory.semantic import SemanticMemory
from robomem.memory.short_term import ShortTermMemory
from robomem.memory.similar import LookVerbs
from robomem.memory.spatial import GONE, SpatialHistory
from robomem.memory.sqlite_store import SqliteStore
from robomem.memory.store import Located
from robomem.memory.told_graph import ToldGraph
from robomem.ontology import Ontology, default_ontology
from robomem.perception.frame import RgbdFrame
from robomem.scene_graph.graph import SceneGraph
from robomem.scene_graph.world_model import FrameResult, WorldModel
from robomem.types import Detections, Episode, Event, ObjectView, Observations, PlaceProbability, Recall, clean_label


class RobotMemory(LookVerbs, ForgetVerbs):
    """A robot's memory in one file. Use `RobotMemory.open(path)` in a with-statement. Every verb may be called from any thread.

    Attributes:
        short_term: what was seen lately, hard-bounded.
        episodic, semantic: the tiers behind `episodes` and `lessons`, with their own verbs (undo, update, remove).
    """

    def __init__(self, store: SqliteStore, config: RobomemConfig, clock: Clock | None, seed: int, ontology: Ontology) -> None:
        self.config, self.ontology, self.store = config, ontology, store
        self._clock, self._guard = clock, threading.RLock()
        self._ids = IdAllocator(store.lease_ids)
        self._held: set[int] = set()
        self._rates = MoveRates()
        self._rates.load_json(json.loads(store.get_meta("move_rates", "{}")))
        self.short_term = ShortTermMemory(config.memory.short_term_capacity)
        self.episodic = EpisodicMemory(store, self._ids.next, config.memory.max_episodes)
        self.semantic = SemanticMemory(store, self._ids.next)
        self._history = SpatialHistory(store, self._ids.next)
        self._recorder = Recorder(store, self._history, self.short_term, Remapper(store))
        self._similarity, self._told = LabelSimilarity(), ToldGraph()
        self._questions = Questions(
            store, self._history, ontology, config.memory, self._refresh, self._hours, self._similarity, self.now_ns
        )
        self._live = LiveWorld(store, self._recorder, config, self._ids, seed, ontology)
        self._door = FrameDoor(int(store.get_meta("last_stamp_ns", "-1")))

    @classmethod
    def open(
        cls,
        path: str | Path,
        config: RobomemConfig | None = None,
        clock: Clock | None = None,
        read_only: bool = False,
        seed: int = 0,
        ontology: Ontology | None = None,
        engine: str | None = None,
    ) -> RobotMemory:
        """Open a memory, making the file if there is none; ":memory:" keeps it in RAM.

        Args:
            config: settings; None: the file that the variable ROBOMEM_CONFIG names, else the defaults.
            clock: what time it is for questions. Without one: the wall clock if the frames' stamps agree with it, else (a recording,
                a simulation) the time of the newest frame.
            read_only: answer questions beside a running writer; `.world` is None then.
            engine: "apsw" or "sqlite3"; None takes the best installed.

        Raises:
            ConfigError: the file that ROBOMEM_CONFIG names cannot be used.
            StoreLockedError: somebody else has it open for writing.
            StoreError: the file is unreadable, of another application or of a newer robomem.
        """
        config = config or of_environment()
        m = config.memory
        options = {"read_only": read_only, "commit_interval_s": m.commit_interval_s, "engine": engine, "seed": seed}
        budget = Budget(m.max_observations, m.max_events, m.max_stays, max_bytes=m.max_bytes)
        store = SqliteStore(str(path), clock or SystemClock(), budget=budget, **options)
        try:
            return cls(store, config, clock, seed, ontology or default_ontology())
        except BaseException:
            store.close()
            raise

    @property
    def read_only(self) -> bool:
        """True if this memory only answers."""
        return self.store.read_only

    @property
    def world(self) -> WorldModel | None:
        """The live world model, restored from the store when first needed; None when read-only."""
        with self._guard:
            return None if self.read_only else self._live.get()

    @property
    def rejected(self) -> Counter[str]:
        """Why frames were not taken in, and how often."""
        return self._door.rejected

    def now_ns(self) -> int:
        """The time questions are asked at: see `open`."""
        if self._clock is not None:
            return self._clock.now_ns()
        if self.store.get_meta("time") == "wall":
            return SystemClock().now_ns()
        return max(0, self._newest_ns())

    def _newest_ns(self) -> int:
        """Time of the newest frame on record; a reader looks it up, since the writer goes on."""
        return int(self.store.get_meta("last_stamp_ns", "-1")) if self.read_only else self._door.newest_ns

    def flush(self) -> None:
        """Everything observed so far survives a crash once this returns."""
        with self._guard:
            if not self.read_only:
                self._live.save()
                self.store.flush()

    def close(self) -> None:
        """Flush and let the next writer in."""
        with self._guard:
            try:
                self.flush()
            finally:
                self.store.close()

    def __enter__(self) -> RobotMemory:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # -- taking in

    def observe(self, frame: RgbdFrame, detections: Detections | Observations | None) -> FrameResult:
        """Fold one frame in: belief, graph, store.

        `None` means that no detector ran (depth still speaks); `Detections.empty()` that one ran and named nothing. A frame whose stamp
        repeats or goes back is counted in `rejected` and changes nothing. Observations are detections that were lifted to 3-D already.

        Raises:
            InvalidInputError: the detections do not fit the frame; counted, nothing stored.
            StoreError: read-only, or the store cannot be written.
        """
        with self._guard:
            world = self.world
            if world is None:
                raise StoreError(f"{self.store.path}: is open read-only; open it for writing to observe")
            if not self._door.admits(frame):
                return nothing_changed(frame.stamp_ns)
            if self._door.set_back:
                world.set_clock(frame.stamp_ns)
            try:
                check_masks(frame, detections)
                lifted = isinstance(detections, Observations)
                result = world.step_lifted(frame, detections) if lifted else world.step(frame, detections)
            except InvalidInputError:
                self.rejected["invalid_input"] += 1
                raise
            self._door.passed(frame)
            held = {t.id for t in world.tracker.tracks.values() if t.status == "held"}
            ids = dict.fromkeys((*result.changed, *sorted(held ^ self._held), *(e.object_id for e in result.events)))
            self._held = held
            self._commit(result, [view for i in ids if (view := world.object(i)) is not None], world.graph)
            return result

    def _commit(self, result: FrameResult, views: Sequence[ObjectView], graph: SceneGraph) -> None:
        """Write what a frame changed: `views` are the objects of `result.changed`."""
        self._recorder.commit(result, views, graph)
        self._door.newest_ns = result.stamp_ns
        self._live.save_if_due()

    # -- asking

    def find(self, query: str | int, at_ns: int | None = None, k: int = 5) -> Recall:
        """Where something is: words ("red mug", "cups in the kitchen") or an id.

        Args:
            at_ns: another time than now; the past is answered from the history, the future by aging what is believed.
            k: at most this many candidates.

        Raises:
            InvalidInputError: nothing is asked for.
        """
        with self._guard:
            at = self.now_ns() if at_ns is None else whole_ns(at_ns, "at_ns")
            if at < self._newest_ns():
                return self._questions.where_was(query, at, k)
            recall = self._questions.find(query, at, k)
            if recall.id is not None:
                self.short_term.get(recall.id)  # what is asked about is used: it stays in short-term memory
                if self.told_place(recall.id) is not None:
                    return replace(recall, evidence=())  # a person's word; what was seen of it was seen elsewhere
            return recall

    def where_was(self, query: str | int, at_ns: int, k: int = 5) -> Recall:
        """Where something was at `at_ns`, read from the history and never from the present."""
        with self._guard:
            return self._questions.where_was(query, whole_ns(at_ns, "at_ns"), k)

    def what_is_in(self, place: str | int, at_ns: int | None = None) -> list[ObjectView]:
        """Objects on or in a piece of furniture or a room, named by words or id, now or at a past time."""
        with self._guard:
            return self._questions.what_is_in(place, None if at_ns is None else whole_ns(at_ns, "at_ns"))

    def changes(
        self, since_ns: int = 0, until_ns: int | None = None, room: str | None = None, label: str | None = None, kind: str | None = None
    ) -> list[Event]:
        """Events in time order; `room` keeps those that left, reached or happened in it, `kind` those of one of `change_kinds.KINDS`.

        Raises:
            InvalidInputError: no such kind.
        """
        with self._guard:
            since, until = whole_ns(since_ns, "since_ns"), (1 << 63) - 1 if until_ns is None else whole_ns(until_ns, "until_ns")
            found = self.store.events(since, until, clean_label(room or ""), self.ontology.canonical(label) if label else "")
            return found if kind is None else of_kind(self.store, found, kind, Area(clean_label(room or "")))

    def episodes(self, query: str | None = None, k: int = 5) -> list[Episode]:
        """Past tasks by words and recency; without a query the newest."""
        with self._guard:
            return self.episodic.find(query, k, self.now_ns())

    def lessons(self, query: str | None = None, k: int = 5) -> list[Lesson]:
        """What was learned or told, by words; without a query the best supported."""
        with self._guard:
            return self.semantic.find(query, k)

    def predict(self, query: str | int, at_ns: int | None = None) -> list[PlaceProbability]:
        """Places something may be at, best first; the probabilities sum to at most one, the rest is "elsewhere".

        Args:
            query: an object known by words or id, or a class never seen (then common sense speaks).
        """
        with self._guard:
            at = self.now_ns() if at_ns is None else whole_ns(at_ns, "at_ns")
            world = self.world
            if world is None:
                return self._questions.predict(query, at)
            meant = self._questions.meant(query, at)
            told = meant is not None and self._recorder.told_place(meant) is not None  # the world does not know what people say
            rows = world.location_belief(meant, at) if meant is not None and not told else []
            # What the world has dropped long ago is still on record: then its own past speaks, else its class.
            rows = rows or self._questions.predict(query, at) or world.location_belief(self._label_of(query), at)
            return sorted(rows, key=lambda r: -r.probability)

    def _label_of(self, query: str | int) -> str:
        parsed = self._questions.parse(query)
        located = self.store.objects().get(parsed.id) if parsed.id is not None else None
        return located[0].label if located else parsed.label or parsed.text

    def objects(self, at_ns: int | None = None) -> list[ObjectView]:
        """Every object as believed now (tentative, missing and removed ones too: see status), or what existed at a past time."""
        with self._guard:
            if at_ns is not None and whole_ns(at_ns, "at_ns") < self._newest_ns():
                return self._questions.objects(at_ns)
            world = self.world
            return self._questions.objects(None) if world is None else [self._recorder.corrected(view) for view in world.objects()]

    def graph(self, at_ns: int | None = None, known_ns: int | None = None) -> SceneGraph:
        """The scene graph, as it is (with what people said of it, see told_graph.py) or as it was at a past time.

        Args:
            known_ns: by what the robot had been told until then.
        """
        with self._guard:
            graph = graph_of(self.store, self.world, at_ns, known_ns)
            said = self.store.corrections() if self.read_only else self._recorder.corrections
            return self._told.of(graph, said) if at_ns is None and known_ns is None else graph

    def _refresh(self, row: Located) -> Located:
        """The live view of a stored object, where there is a live world and it still has it."""
        view, place = row
        world = self._live.model
        live = world.object(view.id) if world is not None else None
        if live is not None and world is not None:
            view = live
            if live.status not in GONE:
                place = place_of(live, world.graph)
        said = None if self.read_only else self._recorder.corrections.get(view.id)  # what a reader reads is corrected already
        if said is not None:
            view, place = said.apply(view), said.locate(place)
        name = self.store.room_names().get(place.room_id or 0, place.room)
        return view, place if name == place.room else replace(place, room=name)

    def _hours(self, label: str) -> float:
        rates = self._rates if self._live.model is None else self._live.model.tracker.rates
        return 1.0 / rates.rate_per_h(label, self.ontology.prior(label).moves_every_h)

    def holders(self, place: str | int) -> tuple[set[int], set[int]]:
        """(ids of furniture, ids of rooms) that a place means."""
        with self._guard:
            return self._questions.holders(place)

    def matching(self, query: str, at_ns: int | None = None) -> list[ObjectView]:
        """Every object that fits a query (nothing is ranked or cut off), with its existence aged to the time asked about."""
        with self._guard:
            at = self.now_ns() if at_ns is None else whole_ns(at_ns, "at_ns")
            return self._questions.matching(query, at, at < self._newest_ns())

    def evidence_of(self, object_id: int, k: int = 5, until_ns: int | None = None) -> list[int]:
        """Ids of the newest `k` observations of an object, up to a time."""
        with self._guard:
            until = (1 << 63) - 1 if until_ns is None else whole_ns(until_ns, "until_ns")
            return [o.id for o in self.store.observations_of(self.store.resolve(object_id), 0, until, k)]

    def place_words(self, object_id: int) -> str:
        """Where an object is, or was last, in words ("on the counter in the kitchen"); "" for one never seen."""
        with self._guard:
            row = self.store.objects().get(self.store.resolve(object_id))
            return self._refresh(row)[1].words if row else ""

    def asks_for_several(self, query: str) -> bool:
        """True if the words ask for more than one ("cups", "two books", "all mugs")."""
        return self._questions.parse(query).plural

    # -- telling

    def add_episode(self, episode: Episode) -> int:
        """Remember a task; its id (a new one where it had 0)."""
        with self._guard:
            return self.episodic.add(episode)

    def add_lesson(self, text: str, source: str) -> Lesson:
        """Remember a lesson or a told fact with who says so."""
        with self._guard:
            return self.semantic.add(text, source, self.now_ns())

    def correct_map(self, correction: MapCorrection) -> None:
        """The localiser corrected itself: belief, graph and every row of the past move; ids stay. Durable when this returns.

        Raises:
            StoreError: read-only.
        """
        with self._guard:
            self._live.correct_map(correction)
