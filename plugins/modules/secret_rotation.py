#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_rotation
version_added: 0.1.0
short_description: Take one step in the replacement of generated secrets
description:
  - Works on the files that P(hotclub.django.secret#lookup) reads. No host is connected to, and no secret is returned.
  - Each step is one replacement of one file. A step that has been taken already is left alone, so that a run which was cut
    off can be repeated from its beginning.
options:
  path:
    description: The folder of the secrets.
    type: path
    required: true
  secrets:
    description: The files in it, each with the name of the variable that has what is in it. Any other value is refused.
    type: dict
    required: true
  step:
    description:
      - V(announced) makes the secret that follows, V(switched) uses it, V(closed) says that the one before it is accepted no
        more, and V(finished) ends the rotation.
      - V(forgotten) removes all former ones.
    type: str
    choices: [announced, switched, closed, finished, forgotten]
    required: true
attributes:
  check_mode:
    description: Tells whether it would change something.
    support: full
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Make the password that follows
  hotclub.django.secret_rotation:
    path: "{{ site_secrets_path }}"
    secrets: {database_password: site_database_password}
    step: announced
  run_once: true
"""

RETURN = r""""""
