"""The load generator keeps its promises: punctual, never twice, and nothing is lost from the record."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.load import Outcome, Plan, Window, constant_load, judge, outage
from tests.load.generator import Generator
from tests.load.http import AnswerError, parse_head
from tests.load.verdict import percentile

Reply = Callable[[str, str], Awaitable[bytes] | bytes]


class Site:
    """A server on a free port that records each request and replies as the test wants."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.connections = 0
        self.ids: list[str] = []
        self.methods: list[str] = []
        self.port = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{self.port}/"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(line.split(":")[1]) for line in head.splitlines() if line.startswith("Content-Length")), 0)
                form = urllib.parse.parse_qs((await reader.readexactly(length)).decode())
                method, text_id = head.split(" ", 1)[0], form.get("text_id", [""])[0]
                self.methods.append(method)
                self.ids += [text_id] if text_id else []
                reply = self.reply(method, text_id)
                writer.write(reply if isinstance(reply, bytes) else await reply)
                await writer.drain()
                if "Connection: close" in head:
                    break
        writer.close()


def json_reply(status: int = 200, version: str = "v1", extra: str = "") -> bytes:
    body = json.dumps({"version": version})
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{extra}\r\n{body}".encode()


def run(plan_of: Callable[[str], Plan], reply: Reply = lambda method, text_id: json_reply()) -> tuple[Site, list[Outcome]]:
    site = Site(reply)

    async def both() -> list[Outcome]:
        async with site.serving() as url:
            return await Generator(plan_of(url)).run()

    return site, asyncio.run(both())


def outcome(number: int, method: str = "GET", **fields: object) -> Outcome:
    values: dict[str, object] = {
        "fresh_connection": False,
        "text_id": f"id-{number}" if method == "POST" else "",
        "scheduled": float(number),
        "started": float(number),
        "finished": number + 0.5,
        "status": 200,
        "version": "v1",
    }
    return Outcome(number=number, method=method, **{**values, **fields})  # type: ignore[arg-type]


def test_requests_start_when_they_are_due() -> None:
    site, outcomes = run(lambda url: Plan(url, rate=100, seconds=1))
    assert len(outcomes) == len(site.methods) == 100
    late = sorted(item.started - item.scheduled for item in outcomes)
    assert late[50] < 0.01, f"half of the requests started more than {1000 * late[50]:.0f} ms late"


def test_a_slow_answer_delays_no_other_request() -> None:
    async def slow(method: str, text_id: str) -> bytes:
        await asyncio.sleep(0.3)
        return json_reply()

    _, outcomes = run(lambda url: Plan(url, rate=50, seconds=1), lambda method, text_id: slow(method, text_id))
    assert len(outcomes) == 50
    assert max(item.started - item.scheduled for item in outcomes) < 0.2


def test_each_post_carries_an_id_of_its_own_and_is_sent_once() -> None:
    site, outcomes = run(lambda url: Plan(url, rate=200, seconds=0.5))
    assert len(site.ids) == len(set(site.ids)) == 50
    assert set(site.ids) == {item.text_id for item in outcomes if item.method == "POST"}


def test_both_methods_use_kept_and_fresh_connections() -> None:
    site, outcomes = run(lambda url: Plan(url, rate=100, seconds=0.6))
    assert {(item.method, item.fresh_connection) for item in outcomes} == {
        ("GET", True),
        ("GET", False),
        ("POST", True),
        ("POST", False),
    }
    fresh = sum(item.fresh_connection for item in outcomes)
    assert fresh < site.connections < len(outcomes)


def test_an_error_status_is_a_failure_with_its_version() -> None:
    _, outcomes = run(lambda url: Plan(url, rate=20, seconds=0.2), lambda method, text_id: json_reply(502, "v9"))
    assert [item.failed for item in outcomes] == [True] * 4
    assert "status 502 from version v9" in str(outcomes[0])


def test_a_connection_that_closes_without_an_answer_is_a_failure_and_not_tried_again() -> None:
    site, outcomes = run(
        lambda url: Plan(url, rate=20, seconds=0.2, fresh_every=1),
        lambda method, text_id: b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort",
    )
    assert len(site.methods) == len(outcomes) == 4
    assert all("closed after 5 bytes" in item.error for item in outcomes), [str(item) for item in outcomes]


def test_nobody_listening_is_a_failure() -> None:
    async def refused() -> list[Outcome]:
        async with Site(lambda method, text_id: b"").serving() as url:
            pass
        return await Generator(Plan(url, rate=20, seconds=0.2)).run()

    outcomes = asyncio.run(refused())
    assert len(outcomes) == 4
    assert all("ConnectionRefused" in item.error for item in outcomes), [str(item) for item in outcomes]


def test_no_answer_in_time_is_a_failure() -> None:
    async def never(method: str, text_id: str) -> bytes:
        await asyncio.sleep(2)
        return json_reply()

    _, outcomes = run(
        lambda url: Plan(url, rate=10, seconds=0.1, timeout_seconds=0.1),
        lambda method, text_id: never(method, text_id),
    )
    assert [item.error for item in outcomes] == ["no answer within 0 s"]


def test_a_closing_answer_ends_the_connection_and_not_the_load() -> None:
    site, outcomes = run(
        lambda url: Plan(url, rate=50, seconds=0.4, fresh_every=0),
        lambda method, text_id: json_reply(extra="Connection: close\r\n"),
    )
    assert not [item for item in outcomes if item.failed]
    assert site.connections == len(outcomes) == 20


def test_chunked_answers_are_read() -> None:
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"ver\r\nd\r\nsion": "v7" }\r\n0\r\n\r\n'
    _, outcomes = run(lambda url: Plan(url, rate=50, seconds=0.2, fresh_every=0), lambda method, text_id: chunked)
    assert {item.version for item in outcomes} == {"v7"}, [str(item) for item in outcomes]


def test_the_context_manager_ends_the_load_with_its_block() -> None:
    begin = time.monotonic()
    with constant_load(Plan("http://127.0.0.1:1/", rate=50, seconds=600), settle_seconds=0.1) as load:
        time.sleep(0.2)
    assert time.monotonic() - begin < 3
    assert 10 <= len(load.finish()) <= 40


def test_a_plan_that_could_harm_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        Plan("http://127.0.0.1/", rate=5000)
    with pytest.raises(ValueError, match="seconds"):
        Plan("http://127.0.0.1/", seconds=1e6)


def test_a_head_that_is_no_http_is_refused() -> None:
    assert parse_head(b"HTTP/1.1 204 No Content\r\nA: b: c\r\n\r\n") == (204, {"a": "b: c"})
    with pytest.raises(AnswerError, match="not an HTTP answer"):
        parse_head(b"SSH-2.0-OpenSSH_10\r\n\r\n")


def test_verdict_of_a_flawless_load() -> None:
    verdict = judge([outcome(1), outcome(2, "POST")], stored=["id-2", "somebody-else"])
    assert verdict.flawless, str(verdict)
    assert (verdict.requests, verdict.posts, verdict.versions) == (2, 1, {"v1": 2})
    assert verdict.p99_ms == verdict.max_ms == pytest.approx(500)


def test_verdict_names_what_the_database_holds_otherwise() -> None:
    outcomes = [outcome(1, "POST"), outcome(2, "POST"), outcome(3, "POST", status=502, version="")]
    verdict = judge(outcomes, stored=["id-2", "id-2", "id-3"])
    assert verdict.acknowledged_not_stored == ["id-1"]
    assert verdict.stored_twice == ["id-2"]
    assert verdict.stored_not_acknowledged == ["id-3"]
    assert not verdict.flawless
    assert "acknowledged but not stored: 1\n    id-1" in str(verdict)


def test_verdict_without_the_database_says_nothing_about_it() -> None:
    assert judge([outcome(1, "POST")]).flawless


def test_verdict_names_answers_of_a_release_that_was_not_meant_to_serve() -> None:
    windows = [
        Window(0, 10, frozenset({"v1"})),
        Window(10, 20, frozenset({"v1", "v2"})),
        Window(20, 30, frozenset({"v2"})),
    ]
    early = outcome(5, version="v2")
    late = outcome(25, version="v1")
    across = outcome(19, version="v1", finished=21.0)
    verdict = judge([outcome(1), early, outcome(15, version="v2"), across, late], windows=windows)
    assert verdict.from_wrong_version == [early, late]


def test_an_outage_lasts_until_the_first_good_answer_after_it() -> None:
    good = [outcome(number, scheduled=float(number)) for number in (1, 2, 7, 8)]
    failed = {number: outcome(number, scheduled=float(number), status=None, error="no answer") for number in (3, 5, 9)}

    assert outage(good) == 0
    assert outage([*good, failed[3], failed[5]]) == 4
    assert outage([*good, failed[9]]) == float("inf")


def test_percentile_is_the_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7.0
