# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of names: of a site, of its database, of what its project calls modules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding

SITE_NAME = re.compile(r"[a-z][a-z0-9_]{1,23}")
# Accounts, units, databases and pg_hba words that a host already has: a site of that name would take them over.
_RESERVED = """
    adm all apt audio autovt avahi backup bin cdrom colord console cron crontab daemon dbus debug default dialout dip disk
    docker dpkg emergency etcd fax floppy fwupd games getty gnats gunicorn halt hotclub init input irc keepalived kexec
    kmem kvm list local lock locale log logrotate lp mail man media memcached messagebus mysql network networking news nginx
    nobody nogroup ntp operator patroni pgbackrest pgbouncer plugdev polkitd postfix postgres postgresql poweroff proc proxy
    quotas reboot redis render replication rescue resolvconf root rsync rsyslog run runlevel samegroup samerole sameuser sasl
    serial session sgx shadow shm shutdown snapd src srv ssh sshd ssl staff static sudo supervisor swap sync sys syslog system
    systemd tape template0 template1 test timers tmp tss tty udev unattended update user users utmp uucp uuidd valkey video
    voice www
    """
RESERVED_NAMES = frozenset(_RESERVED.split())
# What pg_hba.conf and PostgreSQL itself call by name.
DATABASE_NAMES = {"all", "postgres", "public", "replication", "samegroup", "samerole", "sameuser", "template0", "template1"}
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
MODULE_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def check_site_name(value: Any) -> Iterator[Finding]:
    """Refuse a name that can't be an account, a unit and a database on a host."""
    name = str(value)
    if not SITE_NAME.fullmatch(name):
        suggestion = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", name.lower())).strip("_0123456789")[:24]
        example = f", for example {suggestion}" if SITE_NAME.fullmatch(suggestion) and suggestion not in RESERVED_NAMES else ""
        remedy = f"Write 2 to 24 lower-case letters, digits and underscores, beginning with a letter{example}."
        yield (f'"{name}" is not a site name', remedy)
    elif name in RESERVED_NAMES or name.startswith(("systemd_", "pg_", "dbus_")):
        yield (f'"{name}" is a name that the hosts themselves use', f"Choose another one, for example {name[:19]}_site.")


def check_identifier(value: Any) -> Iterator[Finding]:
    """Refuse a name that PostgreSQL would need quoted, or that it uses itself."""
    name = str(value)
    if not IDENTIFIER.fullmatch(name):
        yield (f'"{name}" is not a plain name', "Write up to 63 lower-case letters, digits and underscores.")
    elif name in DATABASE_NAMES or name.startswith("pg_"):
        yield (f'"{name}" is a name that PostgreSQL itself uses', "Choose another one.")


def check_settings_module(value: Any) -> Iterator[Finding]:
    """Refuse what is not the dotted name of a module."""
    name = str(value)
    if name and not MODULE_NAME.fullmatch(name):
        dotted = re.sub(r"\.py$", "", name).strip("/").replace("/", ".")
        remedy = f"Write {dotted}." if MODULE_NAME.fullmatch(dotted) else "Write a dotted name such as mysite.settings."
        yield (f'"{name}" is not the name of a module', remedy)


def check_application(value: Any) -> Iterator[Finding]:
    """Refuse what is not of the form module:object."""
    module, _colon, name = str(value).partition(":")
    if value and not (MODULE_NAME.fullmatch(module) and MODULE_NAME.fullmatch(name or "application")):
        yield (f'"{value}" is not an application', "Write it as module:object, for example mysite.wsgi:application.")
