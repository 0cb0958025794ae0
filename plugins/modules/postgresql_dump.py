#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give a site's database as a dump, or make a dump into the site's database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_dump
version_added: 0.1.0
short_description: Give a site's database as a dump, or make a dump into the site's database
description:
  - A dump is a file of pg_dump's custom format, of the database as it was at one moment. Who uses the database is not disturbed.
  - >-
    What is loaded becomes a database beside the live one, called like that with C(-loading) behind it. It belongs to the same
    account, and has neither accounts nor rights of those of the dump. Once it takes the live one's name, that one is called like
    it with C(-before) behind it, until data is loaded the next time.
  - A dump that can't be loaded as a whole leaves nothing.
options:
  state:
    description:
      - V(looked) changes nothing.
      - V(dumped) fetches a dump to the controller.
      - V(loaded) sends one to the host, and loads it beside the live database.
      - V(scrubbed) runs statements in what was loaded, and analyzes its tables.
      - V(exchanged) gives what was loaded the name of the live database; whoever is connected to that is cut off.
      - V(dropped) drops what was loaded.
    type: str
    choices: [looked, dumped, loaded, scrubbed, exchanged, dropped]
    default: looked
  port:
    description: Port on which the server listens.
    type: int
    default: 5432
  database:
    description: Name of the database.
    type: str
    required: true
  local:
    description: The file on the controller, for V(dumped) and V(loaded). It is never overwritten.
    type: path
  file:
    description: Where the dump is on the host meanwhile, which the controller's side chooses.
    type: path
  size:
    description: How large the database of the dump was, in bytes, where that is known.
    type: int
    default: 0
  sql:
    description: Statements for V(scrubbed), which run as the owner of the database, all of them or none.
    type: str
    default: ""
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Fetch a dump of the database
  hotclub.django.postgresql_dump:
    state: dumped
    database: shop
    local: /home/ada/shop/database.dump
"""

RETURN = r"""
exists:
  description: Whether there is the database.
  type: bool
  returned: always
follows:
  description: Whether the server copies another one.
  type: bool
  returned: always
is_filled:
  description: Whether a table has rows besides those that every deployed project has.
  type: bool
  returned: always
admits:
  description: Whether the site's account is let into what is loaded.
  type: bool
  returned: always
major:
  description: The server's major version.
  type: int
  returned: always
bytes:
  description: The size of the database.
  type: int
  returned: always
identity:
  description: What tells the database from all others, on any host.
  type: str
  returned: always
loading:
  description: The name of the database that is loaded.
  type: str
  returned: always
before:
  description: The name of the former one.
  type: str
  returned: always
packed_bytes:
  description: The size of the dump.
  type: int
  returned: with V(dumped)
"""
