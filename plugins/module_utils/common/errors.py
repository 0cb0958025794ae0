# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one error type of the release engine: what went wrong, and what to do about it."""

from __future__ import annotations


class ReleaseError(Exception):
    """A step of a release that can't go on.

    :param cause: what is wrong, naming the thing (a file, a ref, a unit).
    :param remedy: what the operator can do or write instead.
    :param detail: output of the failing tool, shortened, without secrets.
    """

    def __init__(self, cause: str, remedy: str = "", detail: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.detail = detail

    def message(self) -> str:
        """Return the text shown to the operator: cause, tool output, remedy."""
        parts = [self.cause]
        if self.detail:
            parts.append(self.detail)
        if self.remedy:
            parts.append(self.remedy)
        return "\n".join(parts)
