"""Writes requirements.lock: the exact version of every package that robomem with all its extras needs on Python 3.11 (`make lock`)."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = "perception,sim,viewer,llm,policy,sam2,thor,ros,interchange,mcp,export,bench,rivals,dev"
TORCH = "torch==2.13.0"  # proven together with rclpy, Open3D and PyBullet in one environment
HEADER = f"""# Exact versions for Python 3.11 of robomem with every extra ({EXTRAS}).
# Used as constraints: pip install -c requirements.lock -e .[sim,perception,viewer,llm,dev]
# Written by `make lock`. torch's CUDA libraries are left to torch's own pins: they differ between its CPU and GPU builds.
"""


def main() -> None:
    """Resolve without installing, and write the names and versions found."""
    pins = ROOT / ".venv" / "torch.txt"
    pins.write_text(TORCH + "\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--ignore-installed",
        "--quiet",
        "--quiet",
        "--report",
        "-",
        "-c",
        str(pins),
        f"{ROOT}[{EXTRAS}]",
    ]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    rows = {item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"].split("+")[0] for item in report["install"]}
    kept = {name: version for name, version in rows.items() if name != "robomem" and not re.match(r"(nvidia|cuda|triton)\b", name)}
    text = HEADER + "".join(f"{name}=={version}\n" for name, version in sorted(kept.items()))
    (ROOT / "requirements.lock").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
