# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a step on a host is called, by itself or with others: in one payload.

A step is a module of the room `steps`: `SPEC` specifies its arguments, and `take` is given a call and ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble, carry_out


class Step(Protocol):
    """A module of the room `steps`."""

    SPEC: dict[str, Any]

    def take(self, module: Call) -> None:
        """Take the step, and end the call with a result."""


class Ended(BaseException):
    """A step has ended with a result; no error, but the way out of it."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(str(result.get("msg", "")))
        self.result = result


@dataclass
class Process:
    """The process that steps are taken in, and how Ansible has started it."""

    check_mode: bool = False
    diff: bool = False
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Have Ansible print a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)


class Call:
    """The arguments of one step and what it may use, in the words of AnsibleModule.

    :param process: what the step runs in.
    :param params: the arguments, with defaults.
    :param comparing: whether only the difference is asked for, so that nothing that takes long may be tried out.
    :param secrets: values of arguments that must not appear in the result.
    """

    def __init__(
        self,
        process: Process,
        params: dict[str, Any],
        comparing: bool = False,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self.params = params
        self.comparing = comparing
        self.check_mode = process.check_mode or comparing
        self._diff = process.diff
        self._secrets = secrets
        self.warn = process.warn

    def take_steps(self, left: Iterable[tuple[str, Callable[[], object]]]) -> list[str]:
        """Do what is left to do, in check mode nothing of it, and return the names.

        :param left: each with its name; a generator may look at what the ones before it have changed.
        """
        names = []
        for name, do in left:
            names.append(name)
            if not self.check_mode:
                do()
        return names

    def exit_json(self, **result: Any) -> NoReturn:
        """End well."""
        raise Ended(remove_values(result, self._secrets))

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """End with a message for the operator."""
        raise Ended(remove_values({**result, "failed": True, "msg": msg}, self._secrets))


def result_of(named: Callable[[], Step], process: Process, arguments: Mapping[str, Any], comparing: bool) -> dict[str, Any]:
    """Take a step with these arguments and return its result, also where it failed.

    :param named: returns the step; that there is none is a failure like any other.
    """

    def taken() -> dict[str, Any]:
        step = named()
        validated = ArgumentSpecValidator(step.SPEC).validate(dict(arguments))
        if validated.error_messages:
            raise Trouble("; ".join(validated.error_messages))
        call = Call(process, validated.validated_parameters, comparing, frozenset(validated._no_log_values))
        try:
            step.take(call)
        except Ended as ended:
            return {"changed": False, **ended.result}
        raise AssertionError("a step has to end its call")

    return carry_out(taken)
