"""Recording: camera, depth, particles, boxes, graph and events on one timeline, in a .rrd file or straight to the rerun viewer."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robomem.errors import InvalidInputError, MissingDependencyError
from robomem.perception.frame import RgbdFrame
from robomem.types import Detections, Event, ObjectView
from robomem.viewer.colors import ROBOT, WALL, rgb, status_rgba
from robomem.viewer.shapes import spread

TIMELINE = "time"
LIFT_M = {"room": 2.6, "building": 3.6}  # where the upper layers float above the floor, so that the tree can be seen
HOLDING = ("on", "inside", "held_by", "part_of")
STEP_M = 0.05  # the trajectory keeps points this far apart
GRID_EVERY = 8  # heavy frames between two pictures of the occupancy grid


class Recording:
    """Writes one recording; use as a context manager or call `close()`.

    The robot and events are written every frame; images, particles and boxes every n-th, and n doubles each time half of what is left
    of the budget is spent: a recording of any length stays under `budget_mb` and covers the whole run.

    Args:
        path: the .rrd file to write; None: none.
        app_id: name shown by the viewer.
        every: n to start with.
        budget_mb: upper bound for what is written every n-th frame, MB.
        viewer: address of a running viewer ("rerun+http://HOST:9876/proxy"), "spawn" to start one, "" for none.

    Raises:
        MissingDependencyError: rerun-sdk is not installed.
        InvalidInputError: neither a file nor a viewer, or an address that is none.
    """

    def __init__(self, path: str | Path | None, app_id: str = "robomem", every: int = 2, budget_mb: float = 40.0, viewer: str = "") -> None:
        try:
            import rerun as rr
        except ImportError as error:
            raise MissingDependencyError(
                "viewer: a recording needs the package rerun-sdk, which is not installed; pip install 'robomem[viewer]'"
            ) from error
        if path is None and not viewer:
            raise InvalidInputError("viewer: neither a file to write nor a viewer to show it")
        self.path = Path(path) if path is not None else None
        self._live = bool(viewer)
        self._rr: Any = rr
        self._rec: Any = rr.RecordingStream(app_id)
        self._send_to(viewer)
        self._rec.log("map", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        self._every, self._left = max(1, every), budget_mb * 1e6
        self._spent = 0.0
        self._frames = self._heavy = 0
        self._trail: list[NDArray[np.float64]] = []

    def _send_to(self, viewer: str) -> None:
        rr, sinks = self._rr, []
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            sinks.append(rr.FileSink(self.path))
        if viewer == "spawn":
            self._rec.spawn(connect=False)
        try:
            if viewer:
                sinks.append(rr.GrpcSink(None if viewer == "spawn" else viewer))
            self._rec.set_sinks(*sinks, default_blueprint=_blueprint())
        except (ValueError, RuntimeError) as error:
            raise InvalidInputError(f"viewer: {viewer!r} is no address like rerun+http://HOST:9876/proxy: {error}") from None

    def frame(self, frame: RgbdFrame, detections: Detections | None, result: Any, world: Any) -> None:
        """Add one frame and what was made of it.

        Args:
            frame: the image pair.
            detections: what the detector said, None if none ran.
            result: the FrameResult of `WorldModel.step`.
            world: the WorldModel after the step (its objects, particles, graph and grid are read).
        """
        views = [v for v in world.objects() if v.status != "removed"]
        heavy = self.camera(frame, detections)
        if heavy or result.events:
            self._boxes(views)
        if heavy:
            self._particles(views, world)
            self._graph(world.graph)
            if self._heavy % GRID_EVERY == 0:
                self._grid(world.grid)
            self._heavy += 1
            self._keep_budget()
        self.events(result.events)

    def camera(self, frame: RgbdFrame, detections: Detections | None) -> bool:
        """Add where the camera was, and every n-th time what it saw. Returns whether it was such a time."""
        self._set_time(frame.stamp_ns)
        self._robot(frame)
        heavy = self._frames % self._every == 0
        if heavy:
            self._images(frame, detections)
            self._keep_budget()
        self._frames += 1
        return heavy

    def belief(self, stamp_ns: int, objects: Iterable[ObjectView], graph: Any) -> None:
        """Add what is believed, where no particles are at hand: boxes, the ellipsoids that hold each object with 90 %, and the graph."""
        self._set_time(stamp_ns)
        views = [v for v in objects if v.status != "removed"]
        self._boxes(views)
        self._spreads([v for v in views if v.kind == "object"])
        self._graph(graph)
        self._keep_budget()

    def events(self, events: Iterable[Event]) -> None:
        """Add events as log lines at their own times."""
        for event in events:
            self._set_time(event.stamp_ns)
            where = event.after.get("place") or event.before.get("place") or ""
            text = f"{event.label or 'object'} #{event.object_id} {event.kind.replace('_', ' ')} {where} (belief {event.belief:.2f})"
            level = "WARN" if event.kind in ("removed", "moved") else "INFO"
            self._rec.log("events", self._rr.TextLog(" ".join(text.split()), level=level))

    def note(self, stamp_ns: int, text: str) -> None:
        """Add one line of the robot's own (a task, a step, an answer)."""
        self._set_time(stamp_ns)
        self._rec.log("events", self._rr.TextLog(text, level="DEBUG"))

    def close(self) -> None:
        """Finish the file; further calls do nothing."""
        if self._rec is not None:
            with suppress(RuntimeError) if self._live else nullcontext():  # a viewer that was closed meanwhile is no fault of the recording
                self._rec.flush(timeout_sec=5.0)
            self._rec.disconnect()
            self._rec = None

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _set_time(self, stamp_ns: int) -> None:
        self._rec.set_time(TIMELINE, timestamp=np.datetime64(int(stamp_ns), "ns"))

    def _keep_budget(self) -> None:
        if self._spent > self._left / 2:
            self._left -= self._spent
            self._spent = 0.0
            self._every *= 2

    def _robot(self, frame: RgbdFrame) -> None:
        rr, T = self._rr, frame.T_map_camera
        self._rec.log("map/camera", rr.Transform3D(translation=T[:3, 3], mat3x3=T[:3, :3]))
        ground = np.array([T[0, 3], T[1, 3], 0.02])
        if not self._trail or np.linalg.norm(ground - self._trail[-1]) > STEP_M:
            self._trail.append(ground)
            # Only the last stretch: the viewer shows the whole way when its time range is widened, and the file grows linearly.
            self._rec.log("map/robot/path", rr.LineStrips3D([np.array(self._trail[-400:])], colors=[rgb(ROBOT)], radii=0.01))
            self._spent += 12 * min(len(self._trail), 400)

    def _images(self, frame: RgbdFrame, detections: Detections | None) -> None:
        rr, k = self._rr, frame.intrinsics
        self._rec.log(
            "map/camera/image",
            rr.Pinhole(
                focal_length=(k.fx, k.fy),
                principal_point=(k.cx, k.cy),
                width=k.width,
                height=k.height,
                camera_xyz=rr.ViewCoordinates.RDF,
                image_plane_distance=0.4,
            ),
        )
        jpeg, png = _encode(frame.rgb, "JPEG", quality=75), _encode(_millimetres(frame.depth_m), "PNG", compress_level=1)
        self._rec.log("map/camera/image/rgb", rr.EncodedImage(contents=jpeg, media_type="image/jpeg"))
        self._rec.log("map/camera/image/depth", rr.EncodedDepthImage(png, media_type="image/png", meter=1000.0))
        self._spent += len(jpeg) + len(png)
        if detections is not None:
            self.detections(frame.stamp_ns, detections)

    def detections(self, stamp_ns: int, detections: Detections) -> None:
        """Add what a detector said of the image of that time."""
        rr = self._rr
        self._set_time(stamp_ns)
        labels = [f"{label} {score:.2f}" for label, score in zip(detections.labels, detections.scores, strict=True)]
        boxes = rr.Boxes2D(array=detections.boxes_xyxy, array_format=rr.Box2DFormat.XYXY, labels=labels)
        self._rec.log("map/camera/image/detections", boxes)

    def _boxes(self, views: list[ObjectView]) -> None:
        rr = self._rr
        colors = status_rgba([v.status for v in views], [v.existence for v in views])
        for kind in ("object", "furniture", "agent"):
            rows = [i for i, v in enumerate(views) if v.kind == kind]
            some = [views[i] for i in rows]
            self._rec.log(
                f"map/{kind}",
                rr.Boxes3D(
                    centers=np.array([v.position for v in some]).reshape(-1, 3),
                    sizes=np.array([v.size for v in some]).reshape(-1, 3),
                    quaternions=[rr.Quaternion(xyzw=(0.0, 0.0, np.sin(v.yaw_rad / 2), np.cos(v.yaw_rad / 2))) for v in some],
                    labels=[f"{v.label} #{v.id} {v.existence:.2f}" for v in some],
                    colors=colors[rows],
                    show_labels=kind == "object",
                ),
            )
        self._spent += 60 * len(views)

    def _particles(self, views: list[ObjectView], world: Any) -> None:
        some = [v for v in views if v.kind == "object"]
        clouds = [np.asarray(world.tracker.particles(v.id), np.float32).reshape(-1, 3) for v in some]
        if not clouds:
            return
        colors = status_rgba([v.status for v in some], [v.existence for v in some])
        points = np.concatenate(clouds)
        self._rec.log("map/particles", self._rr.Points3D(points, colors=np.repeat(colors, [len(c) for c in clouds], axis=0), radii=0.008))
        self._spent += 16 * len(points)

    def _spreads(self, views: list[ObjectView]) -> None:
        rr = self._rr
        shapes = [spread(v.covariance) for v in views]
        self._rec.log(
            "map/spread",
            rr.Ellipsoids3D(
                centers=np.array([v.position for v in views]).reshape(-1, 3),
                half_sizes=np.array([half for half, _ in shapes]).reshape(-1, 3),
                quaternions=[rr.Quaternion(xyzw=(*q[1:], q[0])) for _, q in shapes],
                colors=status_rgba([v.status for v in views], [v.existence for v in views]),
            ),
        )
        self._spent += 60 * len(views)

    def _graph(self, graph: Any) -> None:
        at = {node.id: _shown_at(node) for node in graph.nodes() if node.layer != "place"}
        edges = [r for r in graph.relations() if r.predicate in HOLDING and r.subject in at and r.object in at]
        strips = np.array([[at[r.subject], at[r.object]] for r in edges]).reshape(-1, 2, 3)
        opacity = [(90, 90, 100, round(60 + 195 * min(1.0, r.probability))) for r in edges]
        self._rec.log("map/graph/relations", self._rr.LineStrips3D(strips, colors=opacity, radii=0.006))
        upper = [n for n in graph.nodes() if n.layer in LIFT_M]
        self._rec.log(
            "map/graph/nodes",
            self._rr.Points3D(
                np.array([at[n.id] for n in upper]).reshape(-1, 3), labels=[n.label for n in upper], radii=0.08, colors=[rgb(ROBOT)]
            ),
        )
        self._spent += 28 * len(edges)

    def _grid(self, grid: Any) -> None:
        cells = np.argwhere(grid.occupied)
        if len(cells):
            points = np.column_stack([grid.to_xy(cells), np.full(len(cells), 0.01)]).astype(np.float32)
            self._rec.log("map/occupied", self._rr.Points3D(points, colors=[rgb(WALL)], radii=grid.cell_m / 2))
            self._spent += points.nbytes


def _shown_at(node: Any) -> NDArray[np.float64]:
    """Where a node floats in the picture (Float64[3], map frame, m)."""
    position = np.array(node.position, np.float64)
    if node.layer in LIFT_M:
        position[2] = LIFT_M[node.layer]
    elif node.layer == "furniture":
        position[2] += float(node.size[2]) / 2
    return position


def _millimetres(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.clip(depth_m * 1000.0, 0, 65535).astype(np.uint16)


def _encode(image: NDArray[Any], kind: str, **options: int) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, **options)
    return out.getvalue()


def _blueprint() -> Any:
    """The viewer's first layout: the home on the left, camera and events on the right."""
    import rerun.blueprint as rrb

    camera = rrb.Spatial2DView(origin="map/camera/image", name="camera")
    home = rrb.Spatial3DView(origin="map", name="home", contents=["$origin/**", "- $origin/camera/image/depth"])
    side = rrb.Vertical(camera, rrb.TextLogView(origin="events", name="events"), row_shares=[3, 2])
    return rrb.Blueprint(rrb.Horizontal(home, side, column_shares=[3, 2]), collapse_panels=True)
