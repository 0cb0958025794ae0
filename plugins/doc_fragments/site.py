# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation shared by the modules of the release engine."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that name a site on a host, and how its answers are judged."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of the site.
    type: str
    required: true
  root:
    description: Folder that holds everything of the site.
    type: path
    required: true
"""

    LOCKED = r"""
options:
  holder:
    description:
      - Who asks. Set by the action plugin.
      - A step for a run that does not hold the deployment lock of the site on the host is refused.
    type: dict
    default: {}
"""

    LOCKING = r"""
options:
  dead_run:
    description: A holder of the deployment lock whose process is known to be gone. Set by the action plugin.
    type: str
    default: ""
  lease_seconds:
    description: Age in seconds at which a lock that nobody has renewed is taken over.
    type: int
    default: 900
"""

    HEALTH = r"""
options:
  health:
    description: What a new instance is asked before it may serve, and which answers are good.
    type: dict
    required: true
    suboptions:
      host:
        description: The C(Host) header, one of the site's own names.
        type: str
        required: true
      path:
        description: Path of the request.
        type: str
        default: /
      statuses:
        description: Accepted codes and ranges of codes.
        type: list
        elements: str
        default: ["200-399"]
      seconds:
        description: Seconds until the first good answer must have come.
        type: int
        default: 30
      scheme:
        description: What visitors use.
        type: str
        default: http
"""
