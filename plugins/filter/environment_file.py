# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment files for systemd."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import render


def environment_file(environment: Mapping[str, object]) -> str:
    """Return the text of an environment file as systemd reads it.

    :param environment: names and values.
    :raises AnsibleFilterError: a name that no process could read back.
    """
    try:
        return render(environment)
    except ValueError as error:
        raise AnsibleFilterError(f"{error}. Correct it in site_env.") from error


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"environment_file": environment_file}
