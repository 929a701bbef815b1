"""Names of semantic labels in a file of their own: what Hydra keeps beside its graphs, or a plain list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robomem.errors import InvalidInputError
from robomem.types import MAX_LABEL_CHARS, clean_label

MAX_BYTES = 1 << 20
SCALARS = (str, int, float, bool)
EXPECTED = "expected YAML or JSON: {5: couch, 16: table}, or Hydra's label space with 'label_names: [{label: 5, name: couch}, ...]'"


def read_labels(path: str | Path) -> dict[int, str]:
    """Semantic label -> name.

    Raises:
        InvalidInputError: no such file, too large, or of another kind.
    """
    import yaml

    source = Path(path)
    try:
        if source.stat().st_size > MAX_BYTES:
            raise InvalidInputError(f"{source}: is larger than {MAX_BYTES >> 20} MB; {EXPECTED}")
        text = source.read_text(encoding="utf-8")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):  # ten aliases of ten aliases ... are text without end
            raise InvalidInputError(f"{source}: aliases (*name) have no place in a label map; {EXPECTED}")
        data = yaml.safe_load(text)
    except OSError as error:
        raise InvalidInputError(f"{source}: cannot be read: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"{source}: is no label map; {EXPECTED}") from error
    rows = data.get("label_names", data) if isinstance(data, Mapping) else data
    pairs = list(rows.items()) if isinstance(rows, Mapping) else [_pair(row) for row in rows] if isinstance(rows, list) else []
    if not all(isinstance(value, SCALARS) for pair in pairs for value in pair):
        raise InvalidInputError(f"{source}: a label or a name is no plain word or number; {EXPECTED}")
    try:
        names = {int(str(number)): clean_label(str(name))[:MAX_LABEL_CHARS] for number, name in pairs}
    except ValueError as error:
        raise InvalidInputError(f"{source}: a label is no whole number ({error}); {EXPECTED}") from error
    if not names or not all(names.values()):
        raise InvalidInputError(f"{source}: names no label; {EXPECTED}")
    return names


def _pair(row: Any) -> tuple[Any, Any]:
    return (row.get("label", ""), row.get("name", "")) if isinstance(row, Mapping) else ("", "")
