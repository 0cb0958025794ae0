#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a rendered set of files in place; the action plugin of the same name renders it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
version_added: 0.1.0
short_description: Write all files of a role in one step
description:
  - >-
    Takes the folder C(templates) of the role as a picture of the host's file system. C(templates/etc/nginx/nginx.conf.j2)
    becomes C(/etc/nginx/nginx.conf). Files that end in C(.j2) are rendered on the controller as M(ansible.builtin.template)
    would, others are taken as they are.
  - >-
    Compares, writes and proves everything in one call to the host. Each file is replaced in one step, and folders above a
    file are made when they are missing.
  - When a file can't be written, or O(check) fails, every file is put back as it was and the step fails.
options:
  names:
    description:
      - Placeholders in the paths of the templates, and what stands for them on the host.
      - They may be used in the keys of O(present) and O(permissions) and in O(secret), too.
    type: dict
    default: {}
  each:
    description:
      - >-
        Placeholders in the paths of the templates, each with a list of dictionaries. A file with such a placeholder in its path
        is written once for every element, whose C(name) stands for the placeholder, and which its template has as C(item).
      - A file of an element that is no longer in the list stays on the host.
    type: dict
    default: {}
  present:
    description:
      - Paths below C(templates), without the ending C(.j2), and whether they shall be on the host.
      - A file whose value is false is removed from the host. A folder's name stands for every file below it.
    type: dict
    default: {}
  permissions:
    description:
      - Paths below C(templates), without the ending C(.j2), with the keys C(owner), C(group) and C(mode).
      - >-
        Without, a file belongs to root and has the mode 0644; 0755 when the file in the role is executable, 0600 when it is
        one of O(secret).
    type: dict
    default: {}
  secret:
    description: Paths below C(templates), without the ending C(.j2), whose content never appears in a diff.
    type: list
    elements: str
    default: []
  directories:
    description: Folders that shall be there, made before the files.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path of the folder.
        type: str
        required: true
      owner:
        description: Account that it belongs to.
        type: str
        default: root
      group:
        description: Group that it belongs to.
        type: str
        default: root
      mode:
        description: Permissions, quoted and octal.
        type: str
        default: "0755"
  links:
    description: Symbolic links that shall be there, made after the files.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path of the link.
        type: str
        required: true
      target:
        description: What it points to.
        type: str
        required: true
  absent:
    description: Absolute paths of files and links that shall not be there.
    type: list
    elements: str
    default: []
  left_alone:
    description: >-
      Paths below C(templates), without the ending C(.j2), that stay as they are on the host, whether they are there or not.
    type: list
    elements: str
    default: []
  subtree:
    description: Take only this folder below C(templates).
    type: str
    default: ""
  check:
    description:
      - Command that proves the files once they are in place, without a shell.
      - It runs only when something changed, and not in check mode.
    type: str
    default: ""
  remedy:
    description: What to look at when O(check) fails. The failure's message ends with it.
    type: str
    default: ""
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Write the configuration of nginx
  hotclub.django.host_files:
    names:
      _site_: "{{ nginx_site_name }}"
    present:
      etc/nginx/conf.d/brotli.conf: "{{ nginx_brotli_enabled }}"
    absent: [/etc/nginx/sites-enabled/default]
    check: nginx -t
    remedy: Check nginx_server_names and nginx_upstream_servers.
  register: __nginx_files
  notify: Reload nginx

- name: Write the units and their secrets
  hotclub.django.host_files:
    names:
      _site_: "{{ gunicorn_site_name }}"
    permissions:
      etc/_site_/environment: {owner: root, group: "{{ gunicorn_site_name }}", mode: "0640"}
    secret: [etc/_site_/environment]
    directories:
      - {path: "/srv/{{ gunicorn_site_name }}/shared", owner: "{{ gunicorn_site_name }}", group: www-data, mode: "0750"}
    links:
      - {path: "/etc/nginx/sites-enabled/{{ gunicorn_site_name }}", target: "/etc/nginx/sites-available/{{ gunicorn_site_name }}"}
"""

RETURN = r"""
files:
  description: Absolute paths of the files, folders and links that changed.
  returned: always
  type: list
  elements: str
  sample: [/etc/nginx/nginx.conf]
"""
