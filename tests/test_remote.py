"""The chat client against a real endpoint that misbehaves."""

from __future__ import annotations

import json
import time

import pytest

from robomem.errors import ConfigError
from robomem.remote import ChatClient, CircuitBreaker, RemoteError, RemoteLimits
from tests.fakes.chat_server import chat_server, completion

FAST = RemoteLimits(timeout_s=0.3, attempts=2, backoff_s=0.01)
CALM = RemoteLimits(timeout_s=10.0, attempts=2, backoff_s=0.01)  # for what is no matter of time: a busy machine is slow
SAY = [{"role": "user", "content": "hello"}]


def test_a_good_reply_comes_back_and_the_request_is_bounded() -> None:
    with chat_server(completion("hi")) as server:
        client = ChatClient(server.url, "m", FAST, api_key="k")
        assert client.chat(SAY, {"type": "object"}) == "hi"
        request = server.requests[0]
    assert request["path"] == "/v1/chat/completions" and request["max_tokens"] == 1024 and request["temperature"] == 0
    assert request["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert client.tokens_used == 42


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ((500, b"oops", 0.0, 0.0), "HTTP 500"),
        ((429, b"later", 0.0, 0.0), "HTTP 429"),
        ((200, completion("x"), 0.8, 0.0), "ReadTimeout"),
        ((200, completion("slow drip"), 0.0, 0.02), "no complete reply within 0.3 s"),
        (b'{"choices": [{"mess', "not a chat completion"),
        (b"", "not a chat completion"),
        (b"[]", "not a chat completion"),
        (b'{"choices": [{"message": {"content": null}}]}', "no text"),
        (b'{"choices": []}', "not a chat completion"),
        (b"x" * 1_000_000, "exceeds 262144 bytes"),
        (completion("y" * 300_000), "exceeds 262144 bytes"),
    ],
)
def test_misbehaviour_is_an_error_with_its_reason(reply, reason: str) -> None:
    with chat_server(reply) as server:
        began, late = time.monotonic(), "Timeout" in reason or "within" in reason
        with pytest.raises(RemoteError, match=reason):
            ChatClient(server.url, "m", FAST if late else CALM).chat(SAY)
        assert len(server.requests) == 2
    assert not late or time.monotonic() - began < 3.0


def test_one_failure_is_retried_with_backoff() -> None:
    waits: list[float] = []
    with chat_server((500, b"", 0.0, 0.0), (500, b"", 0.0, 0.0), completion("third time")) as server:
        client = ChatClient(server.url, "m", RemoteLimits(attempts=3, backoff_s=0.5), sleep=waits.append)
        assert client.chat(SAY) == "third time"
    assert waits == [0.5, 1.0] and client.breaker.failures == 0


def test_nobody_listens() -> None:
    with pytest.raises(RemoteError, match="ConnectError"):
        ChatClient("http://127.0.0.1:9/v1", "m", FAST).chat(SAY)


def test_the_circuit_opens_after_three_failed_calls_and_tries_again_after_a_rest() -> None:
    clock = [0.0]
    limits = RemoteLimits(attempts=1, trip_after=3, rest_s=60.0, timeout_s=0.3)
    with chat_server(*[(500, b"", 0.0, 0.0)] * 3, completion("back")) as server:
        client = ChatClient(server.url, "m", limits, now=lambda: clock[0])
        for _ in range(3):
            with pytest.raises(RemoteError, match="500"):
                client.chat(SAY)
        with pytest.raises(RemoteError, match="not asked again for 60 s"):
            client.chat(SAY)
        assert len(server.requests) == 3
        clock[0] = 61.0
        assert client.chat(SAY) == "back"


def test_the_token_cap_ends_it() -> None:
    with chat_server(completion("a")) as server:
        client = ChatClient(server.url, "m", RemoteLimits(max_total_tokens=42))
        client.chat(SAY)
        with pytest.raises(RemoteError, match="token cap"):
            client.chat(SAY)


@pytest.mark.parametrize("url", ["", "localhost:8000/v1", "file:///etc/passwd", "ftp://x/v1"])
def test_only_http_urls(url: str) -> None:
    with pytest.raises(ConfigError, match="http"):
        ChatClient(url, "m")


def test_breaker_counts_only_failures_in_a_row() -> None:
    breaker = CircuitBreaker(3, 10.0, lambda: 0.0)
    for ok in (False, False, True, False, False):
        breaker.record(ok)
    assert not breaker.open
    breaker.record(False)
    assert breaker.open


def test_a_nested_bomb_is_refused() -> None:
    with chat_server(completion("[" * 50_000)) as server:
        assert json.loads(json.dumps(ChatClient(server.url, "m", FAST).chat(SAY))).startswith("[[")
