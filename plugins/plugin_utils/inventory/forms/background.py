# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The form of workers and timers: what they are called, what they run, when, and what stands in their units."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.names import MODULE_NAME
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.settings import check_env

# With the site's, it stays below what systemd takes, and a hyphen before a number is ours.
WORKER_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
# What systemd reads as a calendar: words, a date, a time, a time zone. Its own programs refuse what is wrong in them.
CALENDAR = re.compile(r"[A-Za-z0-9*:.,/~_+\- ]+")
# A time zone at the end of one, such as UTC or Europe/Zurich; weekdays begin like one.
ZONE = re.compile(r".*\s(?!(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*$)[A-Z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.DOTALL)
QUEUE = re.compile(r"\*|[A-Za-z0-9_][A-Za-z0-9_.:-]*")


def check_workers(value: Any) -> Iterator[Finding]:
    """Refuse workers that no unit could run, or that lack what their kind needs."""
    yield from _check_names(value, "worker")
    for worker in value:
        if isinstance(worker, Mapping):
            yield from _check_worker(worker, f"the worker {worker.get('name', '')}")


def check_timers(value: Any) -> Iterator[Finding]:
    """Refuse timers that no unit could run."""
    yield from _check_names(value, "timer")
    for timer in value:
        if isinstance(timer, Mapping):
            what = f"the timer {timer.get('name', '')}"
            command, calendar = str(timer.get("command") or "").strip(), str(timer.get("calendar") or "")
            if not command:
                yield (f"{what} has no command", "Write one, for example python manage.py clearsessions.")
            yield from _check_words(command, f"the command of {what}")
            if not CALENDAR.fullmatch(calendar):
                remedy = 'Write it as OnCalendar of systemd has it, for example daily or "Mon *-*-* 04:30".'
                yield (f'the calendar of {what} is "{calendar}"', remedy)
            if isinstance(timer.get("environment"), Mapping):
                for wrong, remedy in check_env(timer["environment"]):
                    yield (f"of {what}, {wrong}", remedy)


def names_zone(calendar: str) -> bool:
    """Say whether a calendar means the same moments on all hosts, whatever their time zone."""
    return ZONE.fullmatch(calendar.strip()) is not None


def _check_names(value: Any, kind: str) -> Iterator[Finding]:
    names = [str(said.get("name", "")) for said in value if isinstance(said, Mapping)]
    for name in dict.fromkeys(names):
        if not WORKER_NAME.fullmatch(name):
            remedy = "Write up to 32 lower-case letters, digits and underscores, beginning with a letter."
            yield (f'"{name}" is not the name of a {kind}', remedy)
        if names.count(name) > 1:
            yield (f'"{name}" is the name of {names.count(name)} {kind}s', "Give each of them a name of its own.")


def _check_worker(worker: Mapping[str, Any], what: str) -> Iterator[Finding]:
    yield from _check_kind(str(worker.get("kind", "command")), worker, what)
    for queue in worker.get("queues") or []:
        if not QUEUE.fullmatch(str(queue)):
            yield (f'{what} has the queue "{queue}"', "Write letters, digits and _.:- alone.")
    for words in ("command", "arguments"):
        yield from _check_words(str(worker.get(words) or ""), f"the {words} of {what}")
    if isinstance(worker.get("environment"), Mapping):
        for wrong, remedy in check_env(worker["environment"]):
            yield (f"of {what}, {wrong}", remedy)


def _check_kind(kind: str, worker: Mapping[str, Any], what: str) -> Iterator[Finding]:
    """Refuse what a kind lacks, and what means nothing to it."""
    command, queues, application = (worker.get(name) for name in ("command", "queues", "application"))
    if kind == "command" and not str(command or "").strip():
        yield (f"{what} has no command", "Write one, or say of which kind it is, for example kind: celery.")
    if kind != "command" and command:
        yield (f"{what} has a command and is of the kind {kind}, which has its own", "Take one of them out.")
    if kind == "channels" and not queues:
        yield (f"{what} of the kind channels has no queues", "Name the channels that it works for.")
    if kind in ("celery_beat", "huey", "command") and queues:
        yield (f"{what} of the kind {kind} has queues, which mean nothing to it", "Take them out.")
    if kind == "celery_beat" and str(worker.get("processes", 1)) != "1":
        yield (f"{what} of the kind celery_beat has processes: {worker['processes']}", "Take it out: one alone schedules.")
    if _is(worker, "single", kind == "celery_beat") and _is(worker, "overlap", False):
        yield (f"{what} is single and has overlap: true", "Take overlap out: of what is single, one alone runs.")
    if application and (
        kind not in ("celery", "celery_beat") or not MODULE_NAME.fullmatch(str(application).replace(":", ".", 1))
    ):
        yield (
            f'{what} has the application "{application}"',
            "With the kinds celery and celery_beat, write a module, for example mysite.celery.",
        )


def _is(worker: Mapping[str, Any], word: str, default: bool) -> bool:
    return str(worker.get(word, default)).lower() in ("true", "yes", "on", "1")


def _check_words(text: str, what: str) -> Iterator[Finding]:
    if len(text.strip().splitlines()) > 1:
        yield (
            f"{what} is of several lines, of which systemd reads the first",
            "Write it on one line, or with >- in YAML, which makes one of them.",
        )
    try:
        words = shlex.split(text)
    except ValueError as error:
        yield (f"{what} can't be read: {error}", "Close each quote, and end with no backslash.")
        return
    if ";" in words:
        yield (
            f"{what} has a semicolon, at which systemd would begin another command",
            "For several commands, write sh -c and them in quotes.",
        )
