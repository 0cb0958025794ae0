# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking one instance for a real answer, over the private socket that only it listens on."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class HealthCheck:
    """What is asked, and which answers are good.

    :param host: the ``Host`` header, one of the site's own names.
    :param path: path of the request.
    :param statuses: accepted codes and ranges, such as ``200`` and ``200-399``.
    :param seconds: how long an instance may take until its first good answer.
    :param scheme: what visitors use, told as ``X-Forwarded-Proto``.
    """

    host: str
    path: str
    statuses: Sequence[str]
    seconds: float
    scheme: str = "http"

    def accepts(self, status: int) -> bool:
        """Say whether an answer with this status is a good one."""
        for accepted in self.statuses:
            low, _dash, high = str(accepted).partition("-")
            if int(low) <= status <= int(high or low):
                return True
        return False


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(path: str, check: HealthCheck, timeout: float) -> int:
    """Return the status of the answer that comes over a unix socket.

    :param path: the socket.
    :param timeout: seconds to wait for the answer.
    :raises OSError: nobody listens, or no answer came in time.
    """
    connection = _SocketConnection(path, timeout)
    try:
        connection.request(
            "GET", check.path, headers={
                "Host": check.host,
                "User-Agent": "hotclub-health",
                "X-Forwarded-Proto": check.scheme,
                "X-Forwarded-For": "127.0.0.1",
                "Connection": "close",
            },
        )  # fmt: skip
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer: {error!r}") from error
    finally:
        connection.close()
