"""What an operator is told of a host on which no module can run at all."""

from __future__ import annotations

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import explained

NO_FOLDER = "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/var/tmp', '/usr/tmp', '/root']"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"rc": 127, "msg": "The module interpreter '/usr/bin/python3' was not found.", "exception": "a traceback"},
            ["web1 has no /usr/bin/python3", "apt-get install --yes python3", "ansible_python_interpreter"],
        ),
        (
            {"rc": 127, "msg": "failed", "module_stderr": "/bin/sh: 1: /opt/python3.13: not found"},
            ["web1 has no /opt/python3.13"],
        ),
        ({"rc": 1, "msg": "no JSON", "module_stderr": f"Traceback\n{NO_FOLDER}"}, ["The disk of web1 is full", "df -h"]),
        ({"rc": 1, "msg": "OSError: [Errno 28] No space left on device"}, ["The disk of web1 is full"]),
    ],
)
def test_what_keeps_modules_from_running_is_told_with_the_remedy(answer: dict[str, object], said: list[str]) -> None:
    result = explained("web1", {"failed": True, **answer})

    assert [words for words in said if words not in str(result["msg"])] == []
    assert set(result) == {"failed", "changed", "msg"}, "Ansible would print more than the message"


def test_what_is_not_known_is_left_as_ansible_tells_it() -> None:
    answer = {"unreachable": True, "msg": "Failed to connect to the host via ssh"}
    assert explained("web1", answer) == answer
