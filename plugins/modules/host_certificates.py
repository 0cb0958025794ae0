#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at certificates, make keys with requests, and install what was signed; the action plugin of the same name decides."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_certificates
version_added: 0.1.0
short_description: Certificates of an internal authority on a host
author: The hotclub.django authors (@hotclub)
description:
  - >-
    Each certificate has a folder of its own on the host, with C(fullchain.pem), C(privkey.pem) and C(authority.pem), the
    certificates that peers are verified with.
  - >-
    A key is made on the host and never leaves it. The controller signs the request with the authority in O(authority_path),
    which it makes when there is none.
  - >-
    A certificate is issued anew when its names, its purposes or the authority have changed, and before it ends. Nothing to do
    costs one call to the host.
  - >-
    The three names are links through one link to a folder, which changes in one step. Key and certificate fit at all times.
  - What reads a certificate must be told that there is a new one. The result changed only then.
options:
  authority_path:
    description: >-
      The authority's folder on the controller, with C(authority.crt) and C(authority.key). Peers trust every certificate in
      C(authority.crt), and the first one signs. Not needed for certificates that are given.
    type: path
    default: ""
  authority_name:
    description: How the authority calls itself when it is made.
    type: str
    default: Internal authority
  authority_passphrase:
    description: What the authority's key is encrypted with.
    type: str
    default: ""
  certificates:
    description: The certificates that shall be on the host.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The certificate's folder.
        type: path
        required: true
      names:
        description: The DNS names and IP addresses that it is for.
        type: list
        elements: str
        default: []
      common_name:
        description: >-
          The name of its subject, which a database compares with an account. The first of O(certificates[].names) when left
          out.
        type: str
        default: ""
      usages:
        description: Whether its holder answers with it, asks with it, or both.
        type: list
        elements: str
        choices: [server, client]
        default: [server]
      owner:
        description: The account that the key belongs to.
        type: str
        default: root
      group:
        description: The group that the key belongs to.
        type: str
        default: root
      key_mode:
        description: Permissions of the key, quoted and octal. The certificates may be read by everybody.
        type: str
        default: "0600"
      combined:
        description: Whether there is a C(combined.pem) too, with the key and the certificate, for programs that want one file.
        type: bool
        default: false
      days:
        description: For how long it is valid. It is for our own hosts, so a site that nobody touches for a year goes on.
        type: int
        default: 730
      renew_before_days:
        description: How long before its end it is issued anew.
        type: int
        default: 365
      only_missing:
        description: >-
          Leave whatever valid certificate is there, whoever issued it. For a certificate that only stands in until another
          authority has issued one.
        type: bool
        default: false
      certificate:
        description: >-
          A certificate that somebody else has issued, with its chain. It is installed as it is, with
          O(certificates[].private_key).
        type: str
        default: ""
      private_key:
        description: The key of O(certificates[].certificate), not encrypted.
        type: str
        default: ""
notes:
  - Supports check mode and diff.
  - Needs C(openssl) on the host, and the Python library C(cryptography) on the controller, where ansible-core brings it.
"""

EXAMPLES = r"""
- name: Have a certificate for the database
  hotclub.django.host_certificates:
    authority_path: "{{ site_authority_path }}"
    authority_passphrase: "{{ site_authority_passphrase }}"
    certificates:
      - path: /etc/ssl/hotclub/shop-database
        names: [db1, 10.0.0.31]
        usages: [server]
        owner: postgres
        group: postgres
"""

RETURN = r"""
issued:
  description: The certificates that were put in place, each with the reasons.
  returned: always
  type: list
  elements: dict
  sample: [{path: /etc/ssl/hotclub/shop, reasons: [there is none]}]
"""
