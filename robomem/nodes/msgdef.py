"""The definition of a message class as text, so that a recording explains itself: made from the class, since wheels carry no .msg files."""

from __future__ import annotations

import importlib
import re
from typing import Any

from robomem.errors import InvalidInputError
from robomem.nodes.environment import prepare_ros_environment

PLAIN = {"double": "float64", "float": "float32", "boolean": "bool", "octet": "byte"}
SEQUENCE = re.compile(r"sequence<(.+?)(?:, (\d+))?>$")
BOUNDED = re.compile(r"(w?string)<(\d+)>$")
ARRAY = re.compile(r"(.+)\[(\d+)\]$")
LINE = "=" * 80


def message_class(msgtype: str) -> Any:
    """The class of a type name ("sensor_msgs/msg/Image").

    Raises:
        InvalidInputError: no such interface is installed.
    """
    prepare_ros_environment()
    package, _, name = msgtype.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise InvalidInputError(f"type {msgtype}: not installed here ({error})") from None


def serialized(msg: Any) -> bytes:
    """CDR bytes of a message."""
    from rclpy.serialization import serialize_message

    return bytes(serialize_message(msg))


def definition(kind: Any) -> str:
    """The .msg text of a message class and of all types in it, in the form in which rosbag2 stores it."""
    parts: dict[str, str] = {}
    own = _text(kind, parts)
    return own + "".join(f"{LINE}\nMSG: {name}\n{text}" for name, text in parts.items())


def _text(kind: Any, parts: dict[str, str]) -> str:
    lines = [f"{_type(t, parts)} {name}\n" for name, t in kind.get_fields_and_field_types().items()]
    return "".join(lines)


def _type(text: str, parts: dict[str, str]) -> str:
    """The .msg spelling of a field's type; types inside are added to `parts`."""
    if found := SEQUENCE.match(text):
        bound = f"<={found.group(2)}" if found.group(2) else ""
        return f"{_type(found.group(1), parts)}[{bound}]"
    if found := ARRAY.match(text):
        return f"{_type(found.group(1), parts)}[{found.group(2)}]"
    if found := BOUNDED.match(text):
        return f"{found.group(1)}<={found.group(2)}"
    if "/" in text and text not in parts:
        package, name = text.split("/")
        parts[text] = ""  # its place in the order, before what it holds itself
        parts[text] = _text(message_class(f"{package}/msg/{name}"), parts)
    return PLAIN.get(text, text)
