#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say how a site does on one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_status
version_added: 0.1.0
short_description: Say how a site does on one host
description:
  - Looks at the services of the host's tiers, asks the site for an answer, and compares the release that runs with the
    one that should. Changes nothing.
options:
  tiers:
    description: The host's tiers.
    type: list
    elements: str
    required: true
  port:
    description: Port of the web server, asked on C(127.0.0.1) where it doesn't serve by TLS.
    type: int
    default: 80
  tls_port:
    description: Port of the web server where it serves by TLS; 0 where it doesn't.
    type: int
    default: 0
  certificate_days:
    description: The host counts as in trouble when a certificate ends within so many days, one for visitors or one between hosts.
    type: int
    default: 14
  internal_certificates:
    description: >-
      The folders of the certificates by which this host proves itself to the site's other hosts, as shell patterns. One that
      isn't there is none.
    type: list
    elements: str
    default: []
  database:
    description: Name of the site's database.
    type: str
    required: true
  managed_database:
    description: The database, where somebody else runs it. The host logs in there.
    type: dict
    suboptions:
      host:
        description: Name or address of the server.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        required: true
      name:
        description: The database.
        type: str
        required: true
      user:
        description: The account.
        type: str
        required: true
      password:
        description: Its password.
        type: str
        required: true
      tls_mode:
        description: Whether the server's certificate must have its name (V(verify-full)), or need only be signed (V(verify-ca)).
        type: str
        choices: [verify-full, verify-ca]
        default: verify-full
      authority:
        description: Certificate of who signs the server's. Without it, those that the host trusts.
        type: str
        default: ""
      extensions:
        description: Extensions that the database must have.
        type: list
        elements: str
        default: []
  backups:
    description: Whether the database's server is backed up here, so that its backups are looked at.
    type: bool
    default: false
  alerts:
    description: Whether Prometheus on this host is asked for alerts of the site that fire.
    type: bool
    default: false
  uploads_kept:
    description: The folder in which the host keeps copies of the site's uploads; empty where it keeps none.
    type: str
    default: ""
  backups_kept:
    description: >-
      The folder in which this host keeps backups that other hosts send, so that it and its server are looked at; empty where it
      keeps none.
    type: str
    default: ""
  balanced_hosts:
    description: Application hosts between which HAProxy on this host should share the requests; empty where there is no HAProxy.
    type: list
    elements: str
    default: []
  migrations:
    description: Whether to compare the release's migrations with the database, which starts Django once.
    type: bool
    default: false
  minimum_free_mb:
    description: Free space in MiB below which the host counts as in trouble.
    type: int
    default: 512
  updates:
    description: Whether to count upgrades that wait, and to look for services that run code which one has replaced.
    type: bool
    default: false
  history:
    description: How many of the last deploys and rollbacks to tell of, and of the last runs that have changed the host.
    type: int
    default: 0
  security_update_days:
    description: The host counts as in trouble when an upgrade for security has waited for more days.
    type: int
    default: 14
  uv:
    description: Folder of uv.
    type: path
    default: /opt/uv
  python_path:
    description: Folder of interpreters that uv has brought.
    type: path
    default: /opt/python
  python:
    description: The interpreter that releases are built with.
    type: path
    default: /usr/bin/python3
extends_documentation_fragment: [hotclub.django.site, hotclub.django.site.health]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Look at the host
  hotclub.django.site_status:
    name: shop
    root: /srv/shop
    tiers: [lb, app, db]
    database: shop
    balanced_hosts: [app1, app2]
    health:
      host: shop.example.org
"""

RETURN = r"""
status:
  description: >-
    What was found; C(problems) lists what is wrong, empty for a healthy host, and C(remarks) what is worth knowing. Where HAProxy
    shares the requests, C(balanced) tells how it sees each application host. Where several hosts keep the database, C(member)
    tells which part this one has.
  type: dict
  returned: always
"""
