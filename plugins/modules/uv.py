#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install the program uv, and an interpreter that the distribution doesn't have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: uv
version_added: 0.1.0
short_description: Install the program uv, and another Python
description:
  - >-
    Installs one version of uv into a folder of its own with the pip that Debian packs for virtualenvs (C(python3-pip-whl)),
    so that no virtualenv has to be made for it. Another version takes its place in one moment.
  - Asks the program itself for its version.
  - >-
    Another Python than the distribution's comes as a build of its own through uv. Whichever it is, it is found as
    C(bin/python3.12) below O(python_path).
options:
  version:
    description: Version of uv.
    type: str
    required: true
  hashes:
    description: SHA-256 of the files of that version, of which one is installed. With none, whatever the index gives.
    type: list
    elements: str
    default: []
  path:
    description: Folder of uv, which is C(bin/uv) in it.
    type: path
    default: /opt/uv
  python_version:
    description: Another Python, such as 3.12. Empty for none.
    type: str
    default: ""
  newest:
    description: Whether a Python that uv has brought is replaced by the newest patch release that this version of uv knows.
    type: bool
    default: false
  python_path:
    description: Folder of other Pythons.
    type: path
    default: /opt/python
  python_mirror_url:
    description: Mirror of the builds which uv brings. Empty for their own place.
    type: str
    default: ""
  index_url:
    description: Package index that uv comes from. Empty for PyPI.
    type: str
    default: ""
  ca_bundle_path:
    description: File on the host with certificate authorities. Empty for what packages bring.
    type: str
    default: ""
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Install uv
  hotclub.django.uv:
    version: "0.13.9"
"""

RETURN = r"""
installed:
  description: What was, or in check mode would be, installed.
  returned: always
  type: list
  elements: str
"""
