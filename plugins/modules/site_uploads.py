#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give a site's uploaded files as an archive, or make an archive into the site's uploaded files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_uploads
version_added: 0.1.0
short_description: Give a site's uploaded files as an archive, or make an archive into the site's uploaded files
description:
  - Files travel in parts of 128 MiB or a file, so that hosts and controller need memory and room for no more than that at a time.
  - Links, sockets and the like are left out.
  - >-
    What arrives is unpacked in a folder beside the live one, called like that with C(-loading) behind it, which root alone may
    enter. Once it takes the live one's place, that one is called like it with C(-before) behind it, until files arrive the next
    time.
options:
  state:
    description:
      - V(looked) changes nothing.
      - V(packed) fetches all files to the controller, as one archive.
      - V(unpacked) sends those of an archive to the host.
      - V(exchanged) has them take the place of the live folder; V(put_back) takes that back.
      - V(dropped) removes what was sent.
    type: str
    choices: [looked, packed, unpacked, exchanged, put_back, dropped]
    default: looked
  path:
    description: The folder of uploaded files.
    type: path
    required: true
  local:
    description: The archive on the controller, for V(packed) and V(unpacked).
    type: path
  file:
    description: Where a part is on the host meanwhile, which the controller's side chooses.
    type: path
  after:
    description: The last name of the part before. Set by the action plugin.
    type: str
    default: ""
  first:
    description: Whether nothing has arrived yet. Set by the action plugin.
    type: bool
    default: false
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Fetch the uploaded files
  hotclub.django.site_uploads:
    state: packed
    path: /srv/shop/shared/media
    local: /home/ada/shop/uploads.tar
"""

RETURN = r"""
is_filled:
  description: Whether there is a file.
  type: bool
  returned: with V(looked)
obstacle:
  description: Why no other folder can take the place of this one; empty where one can.
  type: str
  returned: with V(looked)
files:
  description: How many files there were.
  type: int
  returned: with V(packed) and V(unpacked)
bytes:
  description: What they hold.
  type: int
  returned: with V(packed) and V(unpacked)
left_out:
  description: How many others were left out.
  type: int
  returned: with V(packed) and V(unpacked)
"""
