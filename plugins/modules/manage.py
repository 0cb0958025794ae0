#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a Django management command in the release that serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: manage
version_added: 0.1.0
short_description: Run a Django management command in the release that serves
description:
  - Runs the command as the site's account, with the site's environment, in the folder of the project.
  - Values of secrets are replaced in what it prints.
options:
  command:
    description: The command and its arguments, as after C(manage.py).
    type: str
    required: true
  environment:
    description: Environment besides the site's own.
    type: dict
    default: {}
  detach:
    description:
      - Whether the command goes on by itself, and the run ends once it has begun. M(hotclub.django.site_commands) tells of it.
    type: bool
    default: false
  seconds:
    description: With O(detach), the seconds for which it may run.
    type: int
    default: 86400
  by:
    description: With O(detach), who begins it. Whoever runs the playbook, unless said.
    type: str
    default: ""
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Create an administrator
  hotclub.django.manage:
    name: shop
    root: /srv/shop
    command: createsuperuser --noinput
    environment:
      DJANGO_SUPERUSER_USERNAME: ada
      DJANGO_SUPERUSER_EMAIL: ada@example.org
      DJANGO_SUPERUSER_PASSWORD: "{{ vault_ada_password }}"
"""

RETURN = r"""
output:
  description: What the command printed; with O(detach), how to go on with it.
  type: str
  returned: always
identifier:
  description: By which a command that goes on is known.
  type: str
  returned: with O(detach)
"""
