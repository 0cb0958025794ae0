# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation shared by the modules of PostgreSQL."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that name a server of Debian's kind."""

    DOCUMENTATION = r"""
options:
  version:
    description: Major version.
    type: str
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    default: main
  port:
    description: Port that it listens on.
    type: int
    default: 5432
"""
