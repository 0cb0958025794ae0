# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files too large for the arguments and results of a step: they go over the connection that Ansible keeps, as a stream."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import LockedSteps


class Transfer(LockedSteps):
    """Can send files along with steps, and fetch what these leave."""

    def with_remote_file(self, work: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        """Do something with a path on the host, in a folder that is gone afterwards."""
        shell = self._connection._shell
        self._make_tmp_path()
        folder = shell.tmpdir
        try:
            return work(shell.join_path(folder, "file"))
        finally:
            self._remove_tmp_path(folder)

    def put(self, local: str, remote: str) -> None:
        """Send a file, which the account that takes steps may read."""
        self._transfer_file(local, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote), execute=False)

    def fetch_new(self, remote: str, local: str) -> None:
        """Fetch a file that is not here yet, and that nobody but this account may read."""
        os.close(os.open(local, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self._connection.fetch_file(remote, local)
        # Some ways of fetching make a file anew.
        os.chmod(local, 0o600)
