# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arguments that the modules of PostgreSQL share."""

from __future__ import annotations

from typing import Any

SERVER: dict[str, Any] = {
    "version": {"type": "str", "required": True},
    "cluster": {"type": "str", "default": "main"},
    "port": {"type": "int", "default": 5432},
}
