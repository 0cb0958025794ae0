#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build a release of a Django project beside the one that serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_build
version_added: 0.1.0
short_description: Build a release of a Django project on a host
description:
  - Fetches the source, builds the virtualenv from the project's own lock, runs the front end's commands, imports the
    project, runs its checks, collects its static files, and compares its migrations with the database.
  - Nothing that serves is touched. A release that can't be finished leaves nothing behind.
options:
  stamp:
    description: Time in the release's id, the same on every host of a fleet, such as C(20261123T081500).
    type: str
    required: true
  source:
    description: Address of a git repository, or a folder on the controller.
    type: str
    required: true
  version:
    description: Branch, tag or commit of a git source; C(HEAD) is the default branch.
    type: str
    default: HEAD
  deploy_key:
    description: Private SSH key that may read the repository.
    type: str
    default: ""
  submodule_keys:
    description:
      - Private SSH keys for submodules, by the address of the repository or by how several begin. Those that no address fits are
        asked for with O(deploy_key).
    type: dict
    default: {}
  host_keys:
    description: Lines for C(known_hosts); with none, the first key seen is trusted and kept.
    type: list
    elements: str
    default: []
  signing_keys:
    description:
      - Public keys, of SSH or GPG, of which one must have signed the commit or a tag of it. With none, nobody must.
    type: list
    elements: str
    default: []
  list:
    description:
      - SHA-256 of the list of the source's files. Set by the action plugin for a folder on the controller. A host that lacks
        some of them says in which parts of the list, and builds once they have been sent.
    type: str
    default: ""
  part:
    description: The part of the list whose files are sent along; empty for the list itself. Set by the action plugin.
    type: str
    default: ""
  file:
    description: Where on the host is what was sent along. Set by the action plugin.
    type: path
  commit:
    description: Hash of a folder's names and contents. Set by the action plugin.
    type: str
    default: ""
  project_path:
    description: Folder of C(manage.py) in the source; empty to look for it.
    type: str
    default: ""
  settings_module:
    description: Dotted name of the project's settings; empty to read it from C(manage.py).
    type: str
    default: ""
  settings_mode:
    description: Whether production settings are laid over the project's own, or these are used alone.
    type: str
    choices: [layered, project]
    default: layered
  interface:
    description: What the server speaks with the project.
    type: str
    choices: [wsgi, asgi]
    default: wsgi
  application:
    description: Callable to serve as C(module:name); empty for what the settings say.
    type: str
    default: ""
  requirements_file:
    description: File that says what the project needs; empty to look for it.
    type: str
    default: ""
  python:
    description: Interpreter to build the virtualenv with.
    type: path
    default: /usr/bin/python3
  uv:
    description: The uv program.
    type: path
    default: /opt/uv/bin/uv
  extras:
    description:
      - Requirements added when the project lacks them, keyed by the names of distributions (joined by C(|)) of which
        one makes it needless.
    type: dict
    default: {}
  extra_hashes:
    description: Text of a requirements file with versions and hashes of O(extras) and what these need; empty for none.
    type: str
    default: ""
  poetry:
    description: Text of a requirements file for Poetry and its plugin for exports, by which a C(poetry.lock) is read.
    type: str
    default: ""
  packages:
    description: Requirements added in any case.
    type: list
    elements: str
    default: []
  environment:
    description: Environment of the build, without the site's secrets.
    type: dict
    default: {}
  audit_mode:
    description: Whether known vulnerabilities of what is installed are not looked for, told, or stop the build.
    type: str
    choices: ["off", report, stop]
    default: "off"
  audit_service_url:
    description: Where the database of vulnerabilities is, as OSV serves it; empty for OSV's own.
    type: str
    default: ""
  audit_ignored:
    description: Identifiers of vulnerabilities that don't count.
    type: list
    elements: str
    default: []
  build_commands:
    description: Commands run in the source before static files are collected, such as C(npm ci).
    type: list
    elements: str
    default: []
  build_leftovers:
    description: Names of folders to remove from the source, at any depth, once O(build_commands) and O(static_commands) have run.
    type: list
    elements: str
    default: []
  static_commands:
    description: Management commands to run once the static files are collected, which they may add to.
    type: list
    elements: str
    default: []
  shared_paths:
    description: Folders of the source that outlive releases and that the site may write.
    type: list
    elements: str
    default: []
  static_url:
    description: Path under which the web server serves static files.
    type: str
    default: /static/
  media_url:
    description: Path under which the web server serves media.
    type: str
    default: /media/
  database_count:
    description: How many databases of the project's settings are expected on the server of the default one.
    type: int
    default: 1
  minimum_free_mb:
    description: Free space in MiB below which no build is begun.
    type: int
    default: 512
  unmade_migrations_allowed:
    description: Whether models of the project's own that changed without a migration are only warned about.
    type: bool
    default: false
  rebuild:
    description: Whether this is a release that other hosts of the fleet have already, built here under the same id.
    type: bool
    default: false
  pins:
    description: Versions or commits by name that other hosts of the fleet have installed, for requirements without a lock.
    type: dict
    default: {}
  pins_python:
    description: The version of Python for which O(pins) are; a host with another minor version takes the commits alone.
    type: str
    default: ""
  renewed:
    description: Whether requirements without a lock are resolved anew, although a virtualenv was built from them before.
    type: bool
    default: false
  source_seconds:
    description: How long git may take for one thing, such as a fetch.
    type: int
    default: 600
  build_seconds:
    description: How long one installation of requirements, or one build command, may take.
    type: int
    default: 1800
  by:
    description: Who asked for the release. Set by the action plugin.
    type: str
    default: ""
extends_documentation_fragment: [hotclub.django.site, hotclub.django.site.locked]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Build the release
  hotclub.django.release_build:
    name: shop
    root: /srv/shop
    stamp: 20261123T081500
    source: https://example.org/shop.git
    version: v1.4
"""

RETURN = r"""
release:
  description: What was written about the release.
  type: dict
  returned: success
pending:
  description: Migrations that the database lacks.
  type: list
  returned: success
check_warnings:
  description: What C(check --deploy) warns of.
  type: list
  returned: success
seconds:
  description: Seconds that each part took.
  type: dict
  returned: success
"""
