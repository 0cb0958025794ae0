"""What the behaviour tests read out of a playbook's output."""

from __future__ import annotations

import textwrap

from tests.behaviour.kit.operator import Run, tasks_in

OUTPUT = textwrap.dedent(
    r"""
    PLAY [Release the site] ****

    TASK [hotclub.django.django : Build the release] ****
    fatal: [web1]: FAILED! =>
        msg: |-
            The requirements in requirements.txt of plain
            can't be installed.\nCorrect \"them\".

    PLAY RECAP ****
    web1                       : ok=7    changed=2    unreachable=0    failed=1    skipped=3    rescued=0    ignored=0
    web2                       : ok=5    changed=1    unreachable=0    failed=0    skipped=3    rescued=0    ignored=0
    """
)


def a_run(code: int = 2) -> Run:
    return Run(["ansible-playbook"], code, OUTPUT, 3.0)


def test_words_are_found_however_their_line_is_broken() -> None:
    assert a_run().says("requirements.txt of plain can't be installed", 'correct "them"')
    assert not a_run().says("requirements.txt", "uv.lock")


def test_changes_are_counted_over_all_hosts() -> None:
    assert a_run().recap["web2"]["ok"] == 5
    assert a_run().changed == 3


def test_tasks_have_the_seconds_until_the_next_one() -> None:
    lines = [
        (10.0, "PLAY [Release the site] ***\n"),
        (10.5, "TASK [Take the lock] ***\n"),
        (11.0, "ok: [web1]\n"),
        (12.5, "TASK [hotclub.django.django : Build [it]] ***\n"),
        (14.5, "RUNNING HANDLER [Reload nginx] ***\n"),
    ]
    tasks = tasks_in(lines, end=15.0)
    assert [(task.name, task.seconds) for task in tasks] == [
        ("Take the lock", 2.0),
        ("hotclub.django.django : Build [it]", 2.0),
        ("Reload nginx", 0.5),
    ]
