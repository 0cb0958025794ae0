#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say which Debian packages are missing; the action plugin of the same name installs them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
version_added: 0.1.0
short_description: Install Debian packages, quickly when they are there
description:
  - >-
    Looks into dpkg's own list first, which takes a moment, and calls C(apt-get) only when a package is missing. Recommended
    packages are not installed.
  - Never removes a package to make room for another.
  - Check mode reads the package lists of a host which has none yet, for nothing could be looked up otherwise.
options:
  names:
    description: Packages that shall be there.
    type: list
    elements: str
    required: true
  started:
    description: Whether daemons may start while they are installed. False for those that start once they are configured.
    type: bool
    default: true
  held:
    description: Those of the packages whose daemons don't start while they are installed, where others do.
    type: list
    elements: str
    default: []
  remedy:
    description: What to look at when the packages can't be installed. The failure's message ends with it.
    type: str
    default: ""
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Install nginx
  hotclub.django.packages:
    names: [nginx]
    started: false
"""

RETURN = r"""
missing:
  description: Packages that were, or in check mode would be, installed.
  returned: always
  type: list
  elements: str
"""
