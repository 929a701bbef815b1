"""Time words against a clock: 2026-03-10 15:30 UTC."""

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robomem.errors import ConfigError
from robomem.memory.timewords import ahead, any_day, resolve

NOW = int(datetime(2026, 3, 10, 15, 30, tzinfo=timezone.utc).timestamp()) * 10**9

TABLE = [
    ("where was the mug yesterday", "9 00:00", "10 00:00", "where was the mug"),
    ("where was it yesterday at 14:05", "9 14:05", "9 14:05", "where was it"),
    ("where was it yesterday evening", "9 18:00", "10 00:00", "where was it"),
    ("at 2:05 pm where was it", "10 14:05", "10 14:05", "where was it"),
    ("where was it today at 9 am", "10 09:00", "10 09:00", "where was it"),
    ("where was it at 16:00", "9 16:00", "9 16:00", "where was it"),  # not yet today: yesterday
    ("where was it at noon", "10 12:00", "10 12:00", "where was it"),
    ("where was it 10 minutes ago", "10 15:20", "10 15:20", "where was it"),
    ("where was it half an hour ago", "10 15:00", "10 15:00", "where was it"),
    ("where was it two days ago", "8 15:30", "8 15:30", "where was it"),
    ("where was it a couple of minutes ago", "10 15:28", "10 15:28", "where was it"),
    ("where was it this morning", "10 05:00", "10 12:00", "where was it"),
    ("where was it last night", "9 20:00", "10 06:00", "where was it"),
    ("what changed today", "10 00:00", "10 15:30", "what changed"),  # today ends now
    ("what changed since this morning", "10 05:00", "10 15:30", "what changed"),
    ("what changed in the kitchen since yesterday", "9 00:00", "10 15:30", "what changed in the kitchen"),
    ("what changed since 14:00 in the study", "10 14:00", "10 15:30", "what changed in the study"),
    ("what changed in the last hour", "10 14:30", "10 15:30", "what changed"),
    ("what changed in the last two hours", "10 13:30", "10 15:30", "what changed"),
    ("where was it between 9:00 and 10:30", "10 09:00", "10 10:30", "where was it"),
    ("where was it from 9 am to 1", "10 09:00", "10 13:00", "where was it"),
    ("what changed yesterday between 14 and 15", "9 14:00", "9 15:00", "what changed"),
    ("what changed between 11 pm and 1 am yesterday", "9 23:00", "10 01:00", "what changed"),
    ("where was it between 16:00 and 17:00", "9 16:00", "9 17:00", "where was it"),  # not yet today: yesterday
    ("what changed after 14:00", "10 14:00", "10 15:30", "what changed"),
    ("what changed last week", "2 00:00", "9 00:00", "what changed"),
    ("what changed this week", "9 00:00", "10 15:30", "what changed"),
    ("where was it on monday at 14:05", "9 14:05", "9 14:05", "where was it"),
    ("where was it at 9:30 on sunday", "8 09:30", "8 09:30", "where was it"),
    ("where was it last tuesday", "3 00:00", "4 00:00", "where was it"),
    ("where was it two days ago at 9:30", "8 09:30", "8 09:30", "where was it"),
    ("where was it two days ago in the morning", "8 05:00", "8 12:00", "where was it"),
    ("where was it the day before yesterday at 3 pm", "8 15:00", "8 15:00", "where was it"),
    ("what changed since sunday", "8 00:00", "10 15:30", "what changed"),
    ("what changed since 20 minutes ago", "10 15:10", "10 15:30", "what changed"),
]


def said(stamp_ns: int) -> str:
    return datetime.fromtimestamp(stamp_ns / 1e9, timezone.utc).strftime("%-d %H:%M")


@pytest.mark.parametrize(("text", "start", "end", "rest"), TABLE, ids=[row[0] for row in TABLE])
def test_time_words(text: str, start: str, end: str, rest: str):
    when = resolve(text, NOW)
    assert when is not None and (said(when.from_ns), said(when.to_ns), when.rest) == (start, end, rest)


@pytest.mark.parametrize(
    ("text", "first", "before"),
    [
        ("where was the mug at the start", True, ""),
        ("where was the mug in the beginning", True, ""),
        ("where was the mug originally", True, ""),
        ("where was the mug before it was moved", False, "it was moved"),
        ("where was the mug before the delivery", False, "the delivery"),
        ("where was the mug before", False, "it moved"),
    ],
)
def test_times_that_are_no_clock_times(text: str, first: bool, before: str):
    when = resolve(text, NOW)
    assert when is not None and (when.first, when.before, when.rest) == (first, before, "where was the mug")


@pytest.mark.parametrize("text", ["where is the mug", "where was it at 25:00", "what is at the door", "two mugs", ""])
def test_no_time_is_said(text: str):
    assert resolve(text, NOW) is None


def test_the_timezone_is_the_homes():
    berlin, utc = resolve("at 14:05", NOW, "Europe/Berlin"), resolve("at 14:05", NOW)
    assert berlin is not None and utc is not None and utc.to_ns - berlin.to_ns == 3600 * 10**9
    with pytest.raises(ConfigError, match="Mars/Base"):
        resolve("at 14:05", NOW, "Mars/Base")


@given(st.text(max_size=200), st.integers(0, 1 << 61))
def test_any_sentence_at_any_time(text: str, now_ns: int):
    for sentence in (text, f"{text} ago", f"since {text}", f"at {text}"):
        when = resolve(sentence.lower(), now_ns)
        assert when is None or when.from_ns <= when.to_ns <= now_ns


def test_very_long_ago_is_the_beginning_of_time():
    when = resolve("99999999999 weeks ago", NOW)
    assert when is not None and when.from_ns == 0


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("tomorrow morning", "11 05:00", "11 12:00"),
        ("tomorrow at noon", "11 12:00", "11 12:00"),
        ("in two hours", "10 17:30", "10 17:30"),
        ("tonight", "10 18:00", "11 00:00"),
        ("this evening", "10 18:00", "11 00:00"),
        ("on friday at 10:00", "13 10:00", "13 10:00"),
        ("on tuesday", "17 00:00", "18 00:00"),  # today is a Tuesday: the next one
        ("the day after tomorrow", "12 00:00", "13 00:00"),
        ("at 9:00", "11 09:00", "11 09:00"),  # past today: tomorrow
    ],
)
def test_times_to_come(text: str, start: str, end: str):
    when = ahead(f"where will it be {text}", NOW)
    assert when is not None and when.to_come and (said(when.from_ns), said(when.to_ns), when.rest) == (start, end, "where will it be")


def test_no_time_to_come():
    assert ahead("where is the mug", NOW) is None and ahead("where was it this morning", NOW) is None


@pytest.mark.parametrize(
    ("text", "hours"), [("in the morning", (5, 12)), ("most evenings", (18, 24)), ("at night", (20, 30)), ("on weekday mornings", (5, 12))]
)
def test_a_part_of_any_day(text: str, hours: tuple[int, int]):
    found = any_day(f"where is it {text}")
    assert found is not None and found[1:] == (hours, "where is it")
    assert any_day("where is it this morning") is None


def test_after_midnight_this_morning_is_the_one_that_was() -> None:
    late = int(datetime(2026, 3, 11, 0, 15, tzinfo=timezone.utc).timestamp()) * 10**9
    for part, low, high in (("morning", 5, 12), ("evening", 18, 24)):
        when = resolve(f"where was it this {part}", late)
        assert when is not None
        day = int(datetime(2026, 3, 10, tzinfo=timezone.utc).timestamp())
        assert (when.from_ns, when.to_ns) == ((day + low * 3600) * 10**9, (day + high * 3600) * 10**9)
    since = resolve("what changed since this morning", late)
    assert since is not None and since.from_ns < since.to_ns == late
