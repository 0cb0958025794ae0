"""Sends requests at fixed moments and writes down what became of each."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import ssl
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator

from tests.load.http import Answer, AnswerError, Connection, write_request
from tests.load.outcome import Outcome

SECONDS_AT_MOST = 24 * 3600.0
# As many as a process may open files for, which is 1,024 as a rule: what waits for less than the time limit is late, not lost.
IN_FLIGHT_AT_MOST = 900
PORTS = {"http": 80, "https": 443}


@dataclasses.dataclass(frozen=True)
class Plan:
    """A load: every `post_every`-th request is a POST with an id of its own, every `fresh_every`-th opens a connection.

    The two are counted apart, so that each method uses both kinds of connection.
    """

    url: str
    host: str = ""
    # The file of the only authority that is trusted.
    authority: str = ""
    rate: float = 60.0
    seconds: float = 30.0
    requests_at_most: int = 2_000_000
    post_every: int = 2
    fresh_every: int = 3
    timeout_seconds: float = 30.0
    id_field: str = "text_id"
    id_prefix: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex[:12])

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1000:
            raise ValueError(f"rate is {self.rate}; 1 to 1000 requests a second are possible")
        if not 0 < self.seconds <= SECONDS_AT_MOST:
            raise ValueError(f"seconds is {self.seconds}; at most {SECONDS_AT_MOST:.0f} are possible")

    @property
    def count(self) -> int:
        return min(self.requests_at_most, int(self.rate * self.seconds))

    @property
    def address(self) -> tuple[str, int]:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"{self.url} is not an http:// or https:// address")
        return parts.hostname, parts.port or PORTS[parts.scheme]

    @property
    def name(self) -> str:
        """What the other side's certificate must be for."""
        return urllib.parse.urlsplit(f"//{self.host}").hostname or self.address[0]

    def trust(self) -> ssl.SSLContext | None:
        """Whom to trust, for all connections; nothing where these are plain."""
        if urllib.parse.urlsplit(self.url).scheme == "http":
            return None
        return ssl.create_default_context(cafile=self.authority or None)

    @property
    def path(self) -> str:
        parts = urllib.parse.urlsplit(self.url)
        return urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))

    @property
    def host_header(self) -> str:
        return self.host or urllib.parse.urlsplit(self.url).netloc

    def method(self, number: int) -> str:
        return "POST" if self.post_every and number % self.post_every == 0 else "GET"

    def is_fresh(self, number: int) -> bool:
        return bool(self.fresh_every) and (number // 2) % self.fresh_every == 0


class Generator:
    """Carries out one plan. `run` ends with the plan, or soon after `stop` was called from any thread."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outcomes: list[Outcome] = []
        self._idle: list[Connection] = []
        self._running: set[asyncio.Task[None]] = set()
        self._stop = threading.Event()
        self._trust = plan.trust()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> list[Outcome]:
        begin = time.monotonic()
        for number in range(self.plan.count):
            due = begin + number / self.plan.rate
            await self._wait_until(due)
            if self._stop.is_set():
                break
            self._send(number, due)
        if self._running:
            await asyncio.wait(self._running)
        for connection in self._idle:
            connection.close()
        return self.outcomes

    async def _wait_until(self, due: float) -> None:
        while (left := due - time.monotonic()) > 0 and not self._stop.is_set():
            await asyncio.sleep(min(left, 0.2))

    def _send(self, number: int, due: float) -> None:
        if len(self._running) >= IN_FLIGHT_AT_MOST:
            self.outcomes.append(self._never_sent(number, due))
            return
        task = asyncio.create_task(self._one(number, due))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _never_sent(self, number: int, due: float) -> Outcome:
        """Too many requests are waiting: the site does not keep up, which is a failure like any other."""
        now = time.monotonic()
        error = f"not sent: {IN_FLIGHT_AT_MOST} requests are waiting for an answer"
        return Outcome(number, self.plan.method(number), True, "", due, now, now, error=error)

    async def _one(self, number: int, due: float) -> None:
        method, fresh = self.plan.method(number), self.plan.is_fresh(number)
        text_id = f"{self.plan.id_prefix}-{number}" if method == "POST" else ""
        body = urllib.parse.urlencode({self.plan.id_field: text_id}).encode() if text_id else b""
        request = write_request(method, self.plan.path, self.plan.host_header, body, keep=not fresh)
        started = time.monotonic()
        status, version, error = None, "", ""
        try:
            async with asyncio.timeout(self.plan.timeout_seconds):
                answer = await self._ask(request, fresh)
            status, version = answer.status, version_in(answer)
        except TimeoutError:
            error = f"no answer within {self.plan.timeout_seconds:.0f} s"
        except (OSError, AnswerError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        finished = time.monotonic()
        self.outcomes.append(Outcome(number, method, fresh, text_id, due, started, finished, status, version, error))

    async def _ask(self, request: bytes, fresh: bool) -> Answer:
        connection = await self._connection(fresh)
        kept = False
        try:
            answer = await connection.ask(request)
            kept = not fresh and not answer.closes_connection
            return answer
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()

    async def _connection(self, fresh: bool) -> Connection:
        while not fresh and self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return await Connection.open(*self.plan.address, self._trust, self.plan.name)


def version_in(answer: Answer) -> str:
    """The release that answered, from a JSON answer's `version`."""
    try:
        content = json.loads(answer.body)
    except ValueError:
        return ""
    return str(content.get("version", "")) if isinstance(content, dict) else ""


class Load:
    """A load that runs beside the test; `finish` ends it and returns every outcome."""

    def __init__(self, plan: Plan) -> None:
        self.generator = Generator(plan)
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._crash: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> list[Outcome]:
        self.generator.stop()
        self._thread.join()
        if self._crash:
            raise RuntimeError("the load generator itself broke down") from self._crash
        return self.generator.outcomes

    def _run(self) -> None:
        try:
            asyncio.run(self.generator.run())
        except Exception as crash:  # handed to the thread that waits
            self._crash = crash


@contextlib.contextmanager
def constant_load(plan: Plan, settle_seconds: float = 0.5) -> Iterator[Load]:
    """Keep a site under load while the block runs, and a little before and after it."""
    load = Load(plan)
    load.start()
    try:
        time.sleep(settle_seconds)
        yield load
        time.sleep(settle_seconds)
    finally:
        load.finish()
