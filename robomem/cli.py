"""The command line: `robomem demo | replay | record | view | ask | tell | mcp | memory | graph | up | bench | eval | doctor`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robomem.errors import InvalidInputError, RobomemError, StoreError

DEMO_DB = "out/demo/memory.db"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="robomem", description="A robot's memory: what is where, how sure, since when, what changed.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    demo = commands.add_parser("demo", help="a simulated robot remembers a home, notices a change, finds and brings")
    demo.add_argument("--seed", type=int, default=0, help="which home, which person, which noise (default 0)")
    demo.add_argument("--quick", action="store_true", help="a shorter story: one round before the change, no twins")
    demo.add_argument("--in-process", action="store_true", help="everything in one process, without ROS 2")
    demo.add_argument("--out", type=Path, default=Path(DEMO_DB).parent, help="folder for summary.json, memory.db, recording.rrd, map.png")

    replay = commands.add_parser("replay", help="build a memory from a recorded RGB-D folder or a bag (.mcap)")
    replay.add_argument(
        "folder", type=Path, metavar="FOLDER|BAG", help="frame-*.color.jpg|png, .depth.png (mm), .pose.txt, camera-intrinsics.txt; or .mcap"
    )
    replay.add_argument("--out", type=Path, default=Path("out/replay"), help="folder for memory.db, recording.rrd, map.png, summary.json")
    replay.add_argument("--ask", action="append", default=[], metavar="QUESTION", help="a question to answer at the end (repeatable)")
    replay.add_argument("--limit", type=int, metavar="N", help="use only the first N frames (default all)")
    replay.add_argument("--no-recording", action="store_true", help="do not write recording.rrd")
    replay.add_argument("--force", action="store_true", help="replace the memory.db of an earlier run in that folder")
    _add_bag_options(replay)

    convert = commands.add_parser("convert", help="a recorded RGB-D folder as a bag (.mcap) that ROS tools play")
    convert.add_argument("folder", type=Path)
    convert.add_argument("bag", type=Path, metavar="BAG.mcap")
    convert.add_argument("--limit", type=int, metavar="N", help="only the first N frames (default all)")
    convert.add_argument("--detect", action="store_true", help="also write what the packaged detector says (needs robomem_msgs)")

    record = commands.add_parser("record", help="record the sensors' topics into a bag (.mcap) until Ctrl-C")
    record.add_argument("--out", default="", metavar="FILE.mcap", help="default: robomem_DATE.mcap here; a file that exists is refused")
    record.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="these instead of the sensors' standard names")
    record.add_argument("--compression", default="lz4", choices=("none", "lz4", "zstd"))
    record.add_argument("--sim-time", action="store_true", help="stamp messages by /clock")

    view = commands.add_parser("view", help="show what runs: camera, detections, what is believed, graph, events (a rerun window)")
    view.add_argument("--save", default="", metavar="FILE.rrd", help="write a file, for machines without a display")
    view.add_argument("--connect", default="", metavar="ADDRESS", help="a viewer that runs: rerun+http://HOST:9876/proxy")

    _add_talking(commands)
    _add_memory_command(commands)
    _add_graph_command(commands)

    up = commands.add_parser("up", help="start ROS 2 nodes from a YAML file, keep them alive, stop them cleanly (Ctrl-C)")
    up.add_argument("config", type=Path, help="see config/up_camera.yaml")
    up.add_argument("--logs", type=Path, default=Path("out/up/logs"), help="folder for one log per node")

    do = commands.add_parser("do", help="give the running planner node a task, as words (Ctrl-C cancels it)")
    do.add_argument("instruction")
    do.add_argument("--ask", action="store_true", help="come back with a question when several things fit, instead of taking the likeliest")

    _add_measuring(commands)
    commands.add_parser("doctor", help="what is installed, what is missing, which command mends it")
    return parser


def _add_read_db(command: argparse.ArgumentParser) -> None:
    """`--db` of what only reads: without it the file named by ROBOMEM_DB, else the one that `make demo` leaves."""
    named = os.environ.get("ROBOMEM_DB") or (DEMO_DB if Path(DEMO_DB).is_file() else "")
    text = f"a robomem database (default: $ROBOMEM_DB, else {DEMO_DB} where there is one)"
    command.add_argument("--db", type=Path, default=Path(named) if named else None, help=text)


def _read_db(db: Path | None) -> Path:
    if db is None:
        raise StoreError(f"no memory to ask: {DEMO_DB} is not there yet; `make demo` leaves one, or give --db FILE")
    return db


def _frames(limit: int | None) -> int:
    if limit is not None and limit < 1:
        raise InvalidInputError(f"--limit: expected at least 1 frame, got {limit}; leave it out to take all")
    return limit or 0


def _add_talking(commands: Any) -> None:
    ask = commands.add_parser("ask", help='ask a memory: robomem ask "where is the mug?" --db out/demo/memory.db')
    ask.add_argument("question", nargs="+", help="in quotes or not; exit status 2 if it is not understood")
    _add_read_db(ask)
    ask.add_argument("--json", action="store_true", help="the whole answer as one line of JSON: verdict, position, evidence, ...")

    tell = commands.add_parser("tell", help='correct a memory: robomem tell "the mug is in the drawer" --db home.db')
    tell.add_argument("statement", nargs="*", help="'the mug is in the drawer' (where it is), '#12 is a teapot' (what it is) or 'undo'")
    tell.add_argument("--db", type=Path, required=True, help="a robomem database that no other process is writing")
    tell.add_argument("--by", default="user", help="who says so (default user)")
    tell.add_argument(
        "--undo", nargs="?", const="", metavar="THING", help="take back the last word on a thing ('#12' or words), or the last word of all"
    )
    tell.add_argument("--list", action="store_true", help="what was told so far, by whom, and whether it stands")

    mcp = commands.add_parser("mcp", help="serve a memory to MCP clients over stdin and stdout")
    mcp.add_argument("--db", type=Path, required=True, help="a robomem database; beside a running writer too")
    mcp.add_argument("--write", action="store_true", help="also offer correct, undo and forget; this process is the one writer then")


def _add_memory_command(commands: Any) -> None:
    memory = commands.add_parser("memory", help="look after a memory's file: stats, verify, backup, restore, forget, consolidate, export")
    verbs = memory.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, text in (
        ("stats", "engine and version, rows and bytes against their bounds"),
        ("verify", "look at every row; exit status 1 if anything is damaged"),
        ("backup", "a verified copy, beside a running writer too"),
        ("restore", "put a verified copy in a database's place"),
        ("forget", "erase a thing, a kind or a region, down to the file's bytes"),
        ("consolidate", "episodes, facts and day summaries from what happened; again does nothing new"),
        ("export", "one Parquet or JSON-lines file per kind of record"),
    ):
        verb = verbs.add_parser(name, help=text)
        if name == "stats":
            _add_read_db(verb)
        else:
            verb.add_argument("--db", type=Path, required=True, help="a robomem database")
        if name == "stats":
            verb.add_argument("--json", action="store_true", help="one line of JSON")
        if name == "verify":
            verb.add_argument("--repair", action="store_true", help="take damaged rows out, rebuild what can be derived")
        if name in ("backup", "export"):
            verb.add_argument("--out", type=Path, required=True, help="the copy" if name == "backup" else "a folder")
        if name == "restore":
            verb.add_argument("--copy", type=Path, required=True, help="what backup wrote")
        if name in ("backup", "restore", "export"):
            verb.add_argument("--force", action="store_true", help="replace what is there")
        if name == "forget":
            verb.add_argument("thing", nargs="?", help="words or '#12'")
            verb.add_argument("--all-matching", action="store_true", help="all of its kind")
            verb.add_argument("--dry-run", action="store_true", help="say what would go and change nothing; beside a running writer too")
            verb.add_argument("--region", nargs=4, type=float, metavar=("X0", "Y0", "X1", "Y1"), help="what is and was there, m, map frame")
        if name == "export":
            verb.add_argument("--format", choices=("parquet", "jsonl"), default="parquet")
            verb.add_argument("--kinds", nargs="+", default=[], metavar="KIND", help="objects, observations, events, ... (default all)")


def _add_measuring(commands: Any) -> None:
    for name, text in (("bench", "measure"), ("eval", "evaluate")):
        run = commands.add_parser(name, help=f"{text}; prints a table and, last, one JSON line")
        run.add_argument("name", help="which one; 'list' names them")
        run.add_argument("--seeds", default="", help="A-B")
        run.add_argument("--data", type=Path, default=None, help="data folder, where one is read")
        run.add_argument("--test", type=Path, default=None, help="data folder to test on, where learning and testing are apart")
        run.add_argument("--out", type=Path, default=None, help="also write the JSON to this file")
        run.add_argument("--quick", action="store_true", help="a small form for CI")


def _add_graph_command(commands: Any) -> None:
    graph = commands.add_parser("graph", help="the scene graph to other systems and back: spark_dsg (Hydra), NetworkX, GraphML, JSON")
    verbs = graph.add_subparsers(dest="verb", metavar="VERB", required=True)
    export = verbs.add_parser("export", help="write a memory's graph to a file")
    export.add_argument("--db", type=Path, required=True, help="a robomem database")
    forms = ("json", "rooms", "networkx", "graphml", "spark_dsg")
    export.add_argument("--format", choices=forms, default="json", help="json holds everything, past too (default); rooms: room -> objects")
    export.add_argument("--out", type=Path, required=True, metavar="FILE")
    taken = verbs.add_parser("import", help="make a new memory of a graph file")
    taken.add_argument("file", type=Path)
    taken.add_argument("--db", type=Path, required=True, help="the database to make")
    show = verbs.add_parser("show", help="what a graph file or a database holds: counts, and the things of each room")
    show.add_argument("file", type=Path)
    for verb in (taken, show):
        verb.add_argument("--labels", type=Path, metavar="FILE", help="names of a spark_dsg file's class numbers: YAML or JSON, {5: couch}")


def _add_bag_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for a bag")
    for name, default in (("rgb", "/rgb/image"), ("depth", "/depth/image"), ("camera-info", "/camera_info"), ("detections", "/detections")):
        group.add_argument(f"--{name}", default=default, metavar="TOPIC", help=f"default {default}")
    group.add_argument("--map-frame", default="map", metavar="FRAME", help="frame of every position (default map)")
    group.add_argument("--odom-frame", default="odom", metavar="FRAME", help="a jump of it corrects the map; '' never (default odom)")
    group.add_argument("--camera-frame", default="", metavar="FRAME", help="optical frame; default: the colour image's own")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, or 2 after an error that is the user's to mend."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.version:
        from robomem import __version__

        print(f"robomem {__version__}")
        return 0
    if args.command is None:
        parser.print_help()
        return 2
    try:
        return _run(args)
    except RobomemError as error:
        print(f"robomem {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nrobomem {args.command}: stopped", file=sys.stderr)
        return 130


def _run(args: argparse.Namespace) -> int:
    if args.command == "demo":
        from robomem.evaluation.demo import run_demo

        return run_demo(args.seed, args.quick, args.out, print, args.in_process)
    if args.command == "replay":
        from robomem.evaluation.replay import run_replay
        from robomem.nodes.bag_sequence import BagOptions

        names = BagOptions(
            args.rgb, args.depth, args.camera_info, args.detections, args.map_frame, args.camera_frame, odom_frame=args.odom_frame
        )
        return run_replay(args.folder, args.out, args.ask, _frames(args.limit), not args.no_recording, print, names, args.force)
    if args.command == "convert":
        from robomem.evaluation.convert import folder_to_bag

        return folder_to_bag(args.folder, args.bag, _frames(args.limit), args.detect, print)
    if args.command == "ask":
        return _ask(" ".join(args.question), _read_db(args.db), args.json)
    if args.command == "tell":
        from robomem.memory import told_report

        return told_report.tell(" ".join(args.statement), args.undo, args.list, args.db, args.by, print)
    if args.command == "mcp":
        from robomem import __version__
        from robomem.memory.mcp_server import serve

        return serve(args.db, args.write, __version__)
    if args.command == "graph":
        return _graph(args)
    if args.command == "memory":
        return _memory(args)
    if args.command == "doctor":
        from robomem.doctor import run

        return run(sys.stdout)
    if args.command == "up":
        return _up(args.config, args.logs)
    if args.command == "record":
        _need_ros("record")
        from robomem.nodes.recorder import record

        return record(args.out, args.topics, args.compression, args.sim_time)
    if args.command == "view":
        _need_ros("view")
        from robomem.nodes.viewer import view

        return view(args.save, args.connect)
    if args.command == "do":
        return _do(args.instruction, args.ask)
    from robomem.evaluation.registry import run_named

    return run_named(args.command, args.name, args.seeds, args.data, args.out, args.quick, print, args.test)


def _need_ros(command: str) -> None:
    from robomem.errors import MissingDependencyError
    from robomem.nodes.environment import prepare_ros_environment, ros_missing

    if ros_missing():
        missing = " and ".join(ros_missing())
        raise MissingDependencyError(f"{command}: {missing} cannot be imported; `make setup` installs what a robot has of its own")
    prepare_ros_environment()


def _up(config: Path, logs: Path) -> int:
    _need_ros("up")
    from robomem.nodes.supervisor import up

    return up(config, logs, print)


def _do(instruction: str, ask: bool) -> int:
    _need_ros("do")
    from robomem.nodes.director import Director

    with Director("robomem_do") as director:
        report = director.do(instruction, print, ask)
    print(report.summary())
    if report.question:
        print(f"it asks: {report.question}")
    return 0 if report.ok else 1


def _graph(args: argparse.Namespace) -> int:
    from robomem.memory import exchange
    from robomem.scene_graph.label_names import read_labels

    if args.verb == "export":
        exchange.export_graph(args.db, args.format, args.out, print)
        return 0
    labels = read_labels(args.labels) if args.labels is not None else None
    if args.verb == "import":
        exchange.import_graph(args.file, args.db, print, labels)
    else:
        exchange.show_graph(args.file, print, labels)
    return 0


def _memory(args: argparse.Namespace) -> int:
    from robomem.memory import maintenance

    if args.verb == "stats" and args.json:
        import json

        print(json.dumps(maintenance.stats(_read_db(args.db))))
    elif args.verb == "stats":
        maintenance.show_stats(_read_db(args.db), print)
    elif args.verb == "verify":
        return 0 if maintenance.check(args.db, args.repair, print) else 1
    elif args.verb == "backup":
        maintenance.backup(args.db, args.out, args.force, print)
    elif args.verb == "restore":
        maintenance.restore(args.copy, args.db, args.force, print)
    elif args.verb == "forget":
        maintenance.forget(args.db, args.thing, args.all_matching, tuple(args.region) if args.region else None, print, args.dry_run)
    elif args.verb == "consolidate":
        maintenance.consolidate(args.db, print)
    else:
        from robomem.memory.export import export

        export(args.db, args.out, args.format, args.kinds, args.force, print)
    return 0


def _ask(question: str, db: Path, as_json: bool) -> int:
    from robomem.memory.answer import ask
    from robomem.memory.robot_memory import RobotMemory

    with RobotMemory.open(db, read_only=True) as memory:
        answer = ask(memory, question)
        if as_json:
            import json

            from robomem.memory.tool_answers import answer_json

            print(json.dumps(answer_json(memory, answer)))
            return 0 if answer.understood else 2
    print(answer.text)
    if answer.evidence and "Evidence" not in answer.text:  # most answers name it themselves
        print(f"evidence: observations {', '.join(str(i) for i in answer.evidence[:8])}")
    return 0 if answer.understood else 2


if __name__ == "__main__":
    sys.exit(main())
