# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell a run in a line for each step, and what failed at its end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: A line for each step, what is left, and causes of failures last
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Tells a run in a line for each step with its hosts and its seconds, and says from earlier runs what is left.
  - In a terminal, the step that goes on is told in the last line, which is written again each second. Elsewhere, lines are plain,
    and one a minute says that a long step goes on.
  - What failed is told at the end, after the recap, with cause and remedy; a message that several hosts have, once.
  - What a task with C(no_log) says is never shown, and neither is its diff.
options:
  format:
    description:
      - V(text) is for people.
      - V(json) prints an object in each line, for programs, with C(event) saying what it is.
    type: str
    choices: [text, json]
    default: text
    env:
      - name: HOTCLUB_PROGRESS_FORMAT
    ini:
      - section: callback_progress
        key: format
  history_path:
    description:
      - The file in which the seconds of earlier runs are kept, from which follows what is left. It holds no names of hosts or
        steps, and may be removed.
      - An empty one keeps nothing.
    type: str
    default: ~/.ansible/hotclub_progress.json
    env:
      - name: HOTCLUB_PROGRESS_HISTORY
    ini:
      - section: callback_progress
        key: history_path
extends_documentation_fragment:
  - result_format_callback
requirements:
  - set as the stdout callback, by C(stdout_callback = hotclub.django.progress) in the section C(defaults) of C(ansible.cfg)
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible_collections.hotclub.django.plugins.plugin_utils.core import around_display, what_runs
from ansible_collections.hotclub.django.plugins.plugin_utils.output.failures import HIDDEN, Failures, message_of
from ansible_collections.hotclub.django.plugins.plugin_utils.output.history import History
from ansible_collections.hotclub.django.plugins.plugin_utils.output.screen import LiveLine, Reminder, about, duration, is_terminal
from ansible_collections.hotclub.django.plugins.plugin_utils.output.step import (
    CHANGED,
    FAILED,
    IGNORED,
    NAME_WIDTH,
    NAMES_WIDTH,
    OK,
    SKIPPED,
    UNREACHABLE,
    Step,
    hosts_shown,
)

# What decides what other tasks do, or shows what others have found.
QUIET = {
    *(
        f"{collection}{name}"
        for collection in ("", "ansible.builtin.", "ansible.legacy.")
        for name in (
            "add_host",
            "assert",
            "debug",
            "fail",
            "group_by",
            "import_role",
            "import_tasks",
            "include_role",
            "include_tasks",
            "include_vars",
            "meta",
            "set_fact",
            "validate_argument_spec",
        )
    ),
    "hotclub.django.barrier",
    "hotclub.django.show",
}
DEBUG = {"debug", "ansible.builtin.debug", "ansible.legacy.debug"}
LEVELS = {
    FAILED: "COLOR_ERROR",
    UNREACHABLE: "COLOR_UNREACHABLE",
    IGNORED: "COLOR_WARN",
    CHANGED: "COLOR_CHANGED",
    OK: "COLOR_OK",
}
INDENT = "      "
# A role's name says which program a step is about; that of its collection is the same all over.
OURS = "hotclub.django."


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Tells what happens as it happens."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "hotclub.django.progress"

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._check = False
        self._play, self._play_told = "", False
        self._step: Step | None = None
        self._failures = Failures()
        self._history: History | None = None
        self._live: LiveLine | None = None
        self._reminder: Reminder | None = None
        self._json = False
        self._write: Callable[..., None] = self._display.display

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Begin, as the options say."""
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._json = self.get_option("format") == "json"
        around_display(self._around)
        if self._json:
            return
        if is_terminal():
            self._live = LiveLine(self._going_on)
        else:
            self._reminder = Reminder(self._remind)

    # What Ansible calls.

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Look how long such a run took before."""
        name, alike = what_runs(playbook)
        path = self.get_option("history_path")
        if path:
            self._history = History(Path(path).expanduser(), alike)
        self._event("run", playbook=name)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Begin a play, which is told with its first step."""
        self._end_step()
        self._check = bool(play.check_mode)
        self._play, self._play_told = play.get_name().strip(), False
        self._event("play", play=self._play, check=self._check)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Begin a step."""
        self._begin_step(task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """Begin a step."""
        self._begin_step(task)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Note who takes part."""
        self._step_of(task).started[host.get_name()] = None

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note what came of it."""
        self._ended(result, CHANGED if result.is_changed() else OK)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Note that nothing was to be done."""
        self._ended(result, SKIPPED)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Keep the message for the end."""
        self._ended(result, IGNORED if ignore_errors else FAILED)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Keep the message for the end."""
        self._ended(result, IGNORED if result.task.ignore_unreachable else UNREACHABLE)

    def v2_runner_retry(self, result: Any) -> None:
        """Tell of another try while the step goes on."""
        found = result.result
        self._note(result, f"try {found.get('attempts')} of {found.get('retries')}")

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Tell of the item while the step goes on."""
        self._note_item(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Tell of the item while the step goes on."""
        self._note_item(result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """Tell of nothing: the step is told as a whole."""

    def v2_on_file_diff(self, result: Any) -> None:
        """Show what differs, below the step."""
        if is_hidden(result):
            return
        items = result.result.get("results") if result.task.loop else None
        for one in items if isinstance(items, list) else [result.result]:
            if isinstance(one, dict) and one.get("diff") and one.get("changed") and not one.get("_ansible_no_log"):
                self._step_of(result.task).detail(self.host_label(result), self._get_diff(one["diff"]).rstrip())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Sum up, and tell what failed last."""
        self._end_step()
        if self._live:
            self._live.end()
        if self._reminder:
            self._reminder.end()
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        bad = {host for host, one in hosts.items() if one["failures"] or one["unreachable"]}
        seconds = time.monotonic() - self._began
        if self._history and not bad:
            self._history.keep()
        failures = self._failures.of(bad)
        if self._json:
            for failure in failures:
                self._event("failure", step=failure.step, hosts=list(failure.hosts), message=failure.message)
            self._event("end", hosts=hosts, seconds=round(seconds, 1), failed=bool(bad), check=self._check)
            return
        self._recap(hosts, seconds)
        for failure in failures:
            self._say(f"\nFAILED: {failure.step}, on {', '.join(failure.hosts)}", "COLOR_ERROR")
            self._say("\n".join(f"  {line}".rstrip() for line in failure.message.splitlines()))

    # Steps.

    def _begin_step(self, task: Any) -> Step:
        self._end_step()
        name = task.get_name().strip().removeprefix(OURS).replace(" : ", ": ", 1)
        key = self._history.begin(self._play, name) if self._history else ""
        step = self._step = Step(task._uuid, name, key, time.monotonic(), task.action in QUIET)
        if self._live:
            self._live.draw()
        return step

    def _step_of(self, task: Any) -> Step:
        """Return the step of a task; strategies that let each host go on by itself come back to others."""
        if self._step is None or self._step.identity != task._uuid:
            return self._begin_step(task)
        return self._step

    def _ended(self, result: Any, status: str) -> None:
        step, host = self._step_of(result.task), self.host_label(result)
        step.results[result.host.get_name()] = status
        # Ansible leaves warnings and exceptions in a result that it censors, and these may quote what is to be hidden.
        hidden = is_hidden(result)
        if not hidden and (result.warnings or result.deprecations):
            self._handle_warnings(result.result)
        if status in (FAILED, UNREACHABLE):
            if not hidden and self._display.verbosity > 0:
                self._handle_exception(result.result)
            self._failures.add(result.host.get_name(), step.name, HIDDEN if hidden else message_of(result.result))
        if hidden or status == SKIPPED:
            return
        if self._display.verbosity > 0:
            self._handle_result(step, host, result)
        elif status in (CHANGED, OK) and (status == CHANGED or result.task.action in DEBUG):
            self._handle_parts(step, host, result)

    def _handle_result(self, step: Step, host: str, result: Any) -> None:
        """Show all of a result, as -v wants it."""
        self._clean_results(result.result, result.task.action)
        step.detail(host, self._dump_results(result.result).strip("\n"))

    def _handle_parts(self, step: Step, host: str, result: Any) -> None:
        """Show which of several steps changed something, and what was to be shown."""
        found = result.result
        if result.task.action in DEBUG:
            self._clean_results(found, result.task.action)
            only = [value for name, value in found.items() if not name.startswith("_") and name != "changed"]
            step.detail(host, only[0] if len(only) == 1 and isinstance(only[0], str) else self._dump_results(found).strip("\n"))
            return
        parts = found.get("steps")
        if isinstance(parts, dict):
            for name, part in parts.items():
                if isinstance(part, dict) and part.get("changed") and not step.name.endswith(str(name)):
                    step.detail(host, str(name))

    def _end_step(self) -> None:
        step, self._step = self._step, None
        if step is None:
            return
        seconds = time.monotonic() - step.began
        left = 0.0
        if self._history:
            self._history.end(step.key, seconds)
            left = self._history.after(step.key)
        if not step.taken:
            return
        if self._json:
            more = {"left_seconds": round(left)} if left else {}
            self._event("step", play=self._play, step=step.name, hosts=step.taken, seconds=round(seconds, 1), **more)
            return
        if not step.worth_a_line and not step.details:
            return
        self._tell(step, seconds, left)

    def _tell(self, step: Step, seconds: float, left: float) -> None:
        if not self._play_told:
            self._play_told = True
            self._say(f"\n{self._play}{' (check only)' if self._check else ''}", "COLOR_HIGHLIGHT")
        hosts, verdict = hosts_shown(step.taken), step.verdict(self._check)
        line = f"  {step.name:<{NAME_WIDTH}}  {hosts:<{NAMES_WIDTH // 2}}  {verdict:<12}  {duration(seconds):>8}"
        self._say(
            f"{line}   about {about(left)} left" if left >= 1 and step.status not in (FAILED, UNREACHABLE) else line,
            LEVELS[step.status],
        )
        for text, of in step.details.items():
            where = "" if len(of) == len(step.taken) else f"{', '.join(of)}: "
            lines = f"{where}{text}".splitlines() if "\n" not in text or not where else [where.rstrip(), *text.splitlines()]
            self._say("\n".join(f"{INDENT}{line}" for line in lines))

    def _note(self, result: Any, text: str) -> None:
        self._step_of(result.task).note = text
        if self._live:
            self._live.draw()

    def _note_item(self, result: Any) -> None:
        if not is_hidden(result):
            self._note(result, " ".join(str(self._get_item_label(result.result)).split())[:40])

    # What is said.

    def _going_on(self) -> str:
        """Return what goes on, for the line that is written again."""
        step = self._step
        if step is None:
            return ""
        elapsed = time.monotonic() - step.began
        usual = self._history.usual(step.key) if self._history else 0.0
        parts = [f"  {step.name}", f"{elapsed:.0f} s of about {about(usual)}" if usual >= 2 else f"{elapsed:.0f} s"]
        if self._history and (left := self._history.left(step.key, elapsed)) >= 1:
            parts.append(f"about {about(left)} left")
        # What a narrow terminal can do without comes last.
        waits = step.waits_for
        if step.results and waits:
            parts.append(f"{len(step.results)} of {len(step.started)} hosts, waits for {hosts_shown(waits)}")
        elif waits:
            parts.append(hosts_shown(waits))
        return "  ".join([*parts, step.note] if step.note else parts)

    def _remind(self) -> None:
        step = self._step
        if step is not None and time.monotonic() - step.began >= 30:
            self._say(f"{self._going_on()}, goes on")

    def _recap(self, hosts: dict[str, dict[str, int]], seconds: float) -> None:
        if not hosts:
            self._say("\nNothing was done: no host of the inventory is meant.")
            return
        width = max(len(host) for host in hosts)
        self._say("")
        for host, one in hosts.items():
            told = [f"{one['ok']} ok", f"{one['changed']} {'would change' if self._check else 'changed'}"]
            told += [f"{one[name]} {word}" for name, word in WORDS.items() if one.get(name)]
            bad = one["failures"] or one["unreachable"]
            level = FAILED if bad else CHANGED if one["changed"] else OK
            self._say(f"{host:<{width}}  {', '.join(told)}", LEVELS[level])
        self._say(f"{'Checked, and nothing was changed, in' if self._check else 'Done in'} {duration(seconds)}.")

    def _event(self, event: str, **values: Any) -> None:
        if self._json:
            self._say(json.dumps({"event": event, **values}, default=str, ensure_ascii=False))

    def _say(self, text: str, color: str = "") -> None:
        self._write(text, color=getattr(constants, color) if color and not self._json else None)

    def _around(self, display: Callable[..., None]) -> Callable[..., None]:
        """Have what others display keep clear of the last line, and be an object where all lines are."""
        process = os.getpid()

        def write(text: str, *args: Any, **kwargs: Any) -> None:
            with self._live.cleared() if self._live else nullcontext():
                display(text, *args, **kwargs)
                if not self._live:
                    # Whoever reads along through a pipe reads each line as it comes.
                    sys.stdout.flush()

        def displayed(msg: str, *args: Any, **kwargs: Any) -> None:
            if os.getpid() != process:
                # The process of a task hands it to this one.
                display(msg, *args, **kwargs)
            elif self._json and not args and not kwargs.get("stderr") and not kwargs.get("log_only"):
                write(json.dumps({"event": "text", "text": msg}, ensure_ascii=False))
            else:
                write(msg, *args, **kwargs)

        self._write = write
        return displayed


def is_hidden(result: Any) -> bool:
    """Say whether a result may hold a secret: what is left of it then is not shown either."""
    found = result.result
    return bool(found.get("_ansible_no_log") or "censored" in found or result.task.no_log is True)


WORDS = {"failures": "failed", "unreachable": "unreachable", "skipped": "skipped", "rescued": "rescued", "ignored": "ignored"}
