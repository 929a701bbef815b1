"""The only place with an HTTP client: an OpenAI-compatible chat endpoint with deadline, retries, size cap and circuit breaker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robomem.errors import ConfigError, MissingDependencyError, RobomemError


class RemoteError(RobomemError):
    """The endpoint could not be reached or did not answer as it must; the message says which and why."""


@dataclass(frozen=True)
class RemoteLimits:
    """What one task may spend on a remote model.

    Attributes:
        timeout_s: for one whole attempt, from connecting to the last byte (a slow drip counts).
        attempts: per call.  backoff_s: before the second attempt, doubling.
        max_tokens: of one reply.  max_total_tokens: of all calls together.  max_bytes: of one reply.
        trip_after: failed calls in a row that open the circuit.  rest_s: before the next try then.
    """

    timeout_s: float = 20.0
    attempts: int = 3
    backoff_s: float = 0.5
    max_tokens: int = 1024
    max_total_tokens: int = 20_000
    max_bytes: int = 262_144
    trip_after: int = 3
    rest_s: float = 60.0


class CircuitBreaker:
    """Stops asking an endpoint that fails: closed -> open after `trip_after` failures in a row -> one try after `rest_s`."""

    def __init__(self, trip_after: int, rest_s: float, now: Callable[[], float]) -> None:
        self._trip_after, self._rest_s, self._now = trip_after, rest_s, now
        self.failures = 0
        self._opened_at = 0.0

    @property
    def open(self) -> bool:
        """True while the endpoint is left alone."""
        return self.failures >= self._trip_after and self._now() - self._opened_at < self._rest_s

    def record(self, ok: bool) -> None:
        """Count the end of one call."""
        self.failures = 0 if ok else self.failures + 1
        if self.failures >= self._trip_after:
            self._opened_at = self._now()


class ChatClient:
    """Asks `POST {url}/chat/completions` (vLLM, Ollama, llama.cpp, a cloud).

    Args:
        url: base URL up to and including "/v1".
        api_key: sent as bearer token if not empty.
        now, sleep: monotonic seconds; parameters so that tests need not wait.

    Raises:
        ConfigError: not an http(s) URL.
    """

    def __init__(
        self,
        url: str,
        model: str,
        limits: RemoteLimits | None = None,
        api_key: str = "",
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"planning.llm_url: expected http(s)://host:port/v1, got {url[:80]!r}")
        self.url, self.model, self.limits = url.rstrip("/"), model, limits or RemoteLimits()
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._now, self._sleep = now, sleep
        self.breaker = CircuitBreaker(self.limits.trip_after, self.limits.rest_s, now)
        self.tokens_used = 0

    def chat(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any] | None = None) -> str:
        """The text of the model's reply. It is untrusted: validate it before use.

        Args:
            schema: JSON schema asked for through `response_format`.

        Raises:
            RemoteError: circuit open, token cap spent, or every attempt failed (the last reason is named).
        """
        limits = self.limits
        if self.breaker.open:
            raise RemoteError(f"llm: {self.breaker.failures} calls in a row failed; not asked again for {limits.rest_s:.0f} s")
        if self.tokens_used >= limits.max_total_tokens:
            raise RemoteError(f"llm: the token cap of this task ({limits.max_total_tokens}) is spent")
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(m) for m in messages],
            "temperature": 0,
            "max_tokens": limits.max_tokens,
        }
        if schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": dict(schema)}}
        reason = "no attempt"
        for attempt in range(limits.attempts):
            if attempt:
                self._sleep(limits.backoff_s * 2 ** (attempt - 1))
            try:
                text = self._once(body)
            except RemoteError as error:
                reason = str(error)
                continue
            self.breaker.record(True)
            return text
        self.breaker.record(False)
        raise RemoteError(f"llm: {limits.attempts} attempts failed; last: {reason}")

    def _once(self, body: Mapping[str, Any]) -> str:
        httpx = _httpx()
        limits, deadline = self.limits, self._now() + self.limits.timeout_s
        data = bytearray()
        try:
            with (
                httpx.Client(timeout=limits.timeout_s, headers=self._headers) as client,
                client.stream("POST", f"{self.url}/chat/completions", json=body) as reply,
            ):
                if reply.status_code != 200:
                    raise RemoteError(f"HTTP {reply.status_code}")
                for chunk in reply.iter_bytes():
                    data += chunk
                    if len(data) > limits.max_bytes:
                        raise RemoteError(f"reply exceeds {limits.max_bytes} bytes")
                    if self._now() > deadline:
                        raise RemoteError(f"no complete reply within {limits.timeout_s:g} s")
        except httpx.HTTPError as error:
            raise RemoteError(f"{type(error).__name__}: {str(error)[:120] or 'no reply'}") from error
        return self._content(bytes(data))

    def _content(self, data: bytes) -> str:
        """The message inside a completion; its tokens are counted."""
        try:
            reply = json.loads(data)
            text = reply["choices"][0]["message"]["content"]
            used = reply.get("usage", {}).get("total_tokens", len(data) // 4)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise RemoteError(f"reply is not a chat completion ({type(error).__name__})") from error
        self.tokens_used += used if isinstance(used, int) and used >= 0 else len(data) // 4
        if not isinstance(text, str):
            raise RemoteError("reply holds no text")
        return text


def _httpx() -> Any:
    try:
        import httpx
    except ImportError as error:
        raise MissingDependencyError("llm: the package httpx is needed to reach an endpoint; pip install 'robomem[llm]'") from error
    return httpx
