#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run PostgreSQL with the configuration that is on disk, and keep its accounts, databases and extensions."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_server
version_added: 0.1.0
short_description: Run PostgreSQL with its files, accounts, databases and extensions
description:
  - Starts a cluster of Debian's kind. One that has never run gets checksums first.
  - >-
    Puts the access rules together from the files in C(pg_hba.d), lets the server read them, and puts the former ones back
    when it objects.
  - >-
    Reloads a running server whose files are newer than what it has loaded. Asks the server itself, so that a run which broke
    after a file was written is made good by the next one.
  - >-
    Restarts a running server for settings that need it only when no client is connected, or when told that it may.
    Otherwise they are returned. When told that it may, it is restarted for an upgraded program as well.
  - Refuses to start an empty cluster on a host whose data is in another version.
  - >-
    Then makes accounts, databases and extensions that are missing, and changes what differs. It asks everything in one session of
    C(psql), as the account of the server, and needs no library on the host. Accounts are made all or none.
  - >-
    A password is compared with what the server keeps of it, and reaches the server as a SCRAM verifier alone, so that it is
    neither in the list of processes nor in the server's log.
  - Nothing is removed, accounts and databases that aren't named stay as they are.
options:
  restart_allowed:
    description: Whether it may be restarted while clients are connected.
    type: bool
    default: false
  state:
    description:
      - V(running) for all of it.
      - V(configured) to write only the settings that follow from O(needs), whether the server runs or not.
    type: str
    choices: [running, configured]
    default: running
  is_first:
    description: >-
      Of a server that Patroni runs, which the file C(/etc/patroni/<version>-<cluster>.yml) tells: whether it may begin a cluster,
      with the data that it has, where there is none. Any other copies the primary.
    type: bool
    default: true
  members:
    description: Names of the hosts that have the database together. A cluster whose primary is none of them is refused.
    type: list
    elements: str
    default: []
  is_alone:
    description: >-
      Whether no other host is to have the database. A server that Patroni runs is taken out of its cluster then, if it is the
      primary, and runs by itself with what it has; etcd of the host is removed.
    type: bool
    default: false
  site:
    description: Name of the site that O(needs) is of.
    type: str
    default: ""
  connections:
    description: >-
      Connections that each host of the site may have open during a deploy, by host; 0 where that isn't known now, and what
      an earlier call has told counts. A server that would take fewer than all sites need is refused. Without O(needs), the
      site's other needs stay as they are.
    type: dict
    default: {}
  needs:
    description:
      - >-
        What the site needs of the server. It becomes a file of its own in C(hotclub.d) of the configuration, and
        C(conf.d/hotclub.conf) is put together from the files of all sites, so that none loses what it needs by a run for another
        one. All addresses are listened on, TLS is on when any site wants it, connections are as many as all sites need together,
        and memory is as much as the site with least allows.
      - >-
        Where sites don't agree on a setting, the present value stays for as long as one of them wants it, and is returned as
        contested. A server has one port, so a site that wants another one is refused.
      - >-
        A site that was there before there were such files is taken to need what is in effect, until its own next run.
      - Unless given, the settings stay as they are.
    type: dict
    suboptions:
      listen_addresses:
        description: Names and addresses to listen on.
        type: list
        elements: str
        default: [localhost]
      max_connections:
        description: Connections that may be open at a time; 0 for as many as all sites need, 100 at least.
        type: int
        default: 0
      memory_mb:
        description: Memory in MiB that the server may plan with.
        type: int
        required: true
      processors:
        description: Cores of the host.
        type: int
        required: true
      certificate_names:
        description: Names and addresses under which hosts of the site reach the server by TLS. Empty for no TLS.
        type: list
        elements: str
        default: []
      is_copied:
        description: Whether another server copies this one.
        type: bool
        default: false
      is_archived:
        description: Whether pgBackRest archives its log of changes, once a repository is ready for it.
        type: bool
        default: false
      settings:
        description: Settings that win over the computed ones, by name.
        type: dict
        default: {}
  users:
    description: Accounts that shall be there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the account.
        type: str
        required: true
      password:
        description: >-
          Its password, or what PostgreSQL keeps of one, C(SCRAM-SHA-256$...). An empty one is none at all; unless given, it stays
          as it is.
        type: str
      attributes:
        description: >-
          Attributes as in CREATE ROLE, joined by commas, such as C(CREATEDB,NOINHERIT). What isn't named stays as it is; a new
          account may log in.
        type: str
      acts_for:
        description: Another account, as which this one acts once it has logged in. What it makes belongs to that one.
        type: str
      connection_limit:
        description: Connections that the account may have open; -1 for no limit. Unless given, it stays as it is.
        type: int
  databases:
    description: Databases that shall be there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      owner:
        description: Account that owns it.
        type: str
        required: true
      encoding:
        description: Encoding of its text, UTF8 unless given. It can't be changed later.
        type: str
      locale:
        description: >-
          Locale for sorting and character classes. Unless given, that of the server's own databases. It can't be changed later.
        type: str
      extensions:
        description: Extensions that shall be in it.
        type: list
        elements: str
notes:
  - Supports check mode and diff.
extends_documentation_fragment: [hotclub.django.postgresql]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Run PostgreSQL with the configuration on disk
  hotclub.django.postgresql_server:
    version: "17"
  register: __postgresql_server

- name: Run PostgreSQL with the database of the shop
  hotclub.django.postgresql_server:
    version: "17"
    users:
      - {name: shop, password: "{{ site_database_password }}"}
      - {name: shop-2, password: "", attributes: NOLOGIN, acts_for: shop}
    databases:
      - {name: shop, owner: shop, extensions: [pg_trgm]}
"""

RETURN = r"""
actions:
  description:
    - What was, or in check mode would be, done.
    - >-
      C(settings), C(create), C(access rules), C(checksums), C(start), C(reload) and C(restart) for the server, and words such as
      C(create account shop) for what is in it.
  returned: always
  type: list
  elements: str
running:
  description: Whether the server runs. False only in check mode.
  returned: always
  type: bool
port:
  description: Port on which it listens. The former one while a change of it waits for a restart.
  returned: always
  type: int
contested:
  description: Settings on which the sites of the server don't agree, each with what holds and who wants what.
  returned: always
  type: list
  elements: str
pending:
  description: Settings that wait for a restart, with their present values.
  returned: always
  type: dict
follows:
  description: Whether the server is a member of a cluster that follows the primary.
  returned: always
  type: bool
"""
