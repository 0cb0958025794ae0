# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What single variables must mean, beyond what an argument spec can say."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.hotclub.django.plugins.module_utils.release.signatures import kind_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import CONTROL

# What is wrong and what to write instead.
Finding = tuple[str, str]
Rule = Callable[[Any], Iterator[Finding]]

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
LAST_PORT = 65535
# What pg_hba.conf and PostgreSQL itself call by name.
DATABASE_NAMES = {"all", "postgres", "public", "replication", "samegroup", "samerole", "sameuser", "template0", "template1"}
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
GIT_URL = re.compile(r"(https?|ssh|git|git\+ssh|file)://(?!-)\S+")
# Not "ext::command", which git would run.
GIT_SHORT_URL = re.compile(r"(\w[\w.-]*@)?\w[\w.-]*:(?!//|:)\S+")
WEB_PAGE = re.compile(r"https?://[^/]+/.+/(tree|blob|commit|src/branch)/")
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MODULE_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
NOT_IN_A_REF = re.compile(r"[\s~^:?*\[\\\x00-\x1f\x7f]|@\{|//|\.\.")
STATUSES = re.compile(r"[1-5]\d\d(-[1-5]\d\d)?")
VULNERABILITY = re.compile(r"[A-Z]+(-[A-Za-z0-9]+)+")
HASH_KEY = re.compile(r"path|(header|cookie|query):[A-Za-z0-9_-]+")
ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,30}")
PUBLIC_KEY = re.compile(
    r"(^|\s)(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{32,}=*(\s|$)"
)
# Beyond letters, digits and these, configuration files give a character a meaning of their own.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~@+,=/-]*")
# What a URL's path may hold (RFC 3986), without the signs that others take for ends.
URL_PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,=:@%/-]*(\?[A-Za-z0-9._~!$&()*+,=:@%/?-]*)?")
URL_FOLDER = re.compile(r"/([A-Za-z0-9._~-]+/)+")
WEB_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?|https?://\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?/?"
)
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+(:[a-z0-9]+)?([=/][A-Za-z0-9.+~:-]+)?")
PYTHON_VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
TOOL_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*([a-z]+[0-9]+)?")
SHA256 = re.compile(r"[0-9a-f]{64}")
LOCALE = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]*")
TIMEZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|now")
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,14}")
PACKAGE_PATTERN = re.compile(r"[A-Za-z0-9.^][A-Za-z0-9.+*?^$|()\[\]-]*")
SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
KERNEL_SETTING = re.compile(r"[a-z0-9_][a-zA-Z0-9_.*/-]*")
BATCH = re.compile(r"[1-9]\d*|([1-9]\d?|100)%")
SHORTEST_SECRET_KEY = 32


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


def check_domain(value: Any) -> Iterator[Finding]:
    """Refuse what is not a plain domain name."""
    if address := _address(str(value)):
        yield (f'"{address}" is an address', "Write a domain name here, and the address in site_aliases.")
    else:
        yield from _check_host(str(value))


def check_aliases(value: Any) -> Iterator[Finding]:
    """Refuse elements that are neither domain names nor addresses."""
    for alias in value:
        if not _address(str(alias)):
            yield from _check_host(str(alias))


def check_address(value: Any) -> Iterator[Finding]:
    """Refuse what can't be the address of a host."""
    if not _address(str(value)):
        yield from _check_host(str(value))


def check_addresses(value: Any) -> Iterator[Finding]:
    """Refuse elements that can't be addresses of hosts."""
    for address in value:
        yield from check_address(address)


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return None


def _check_host(text: str) -> Iterator[Finding]:
    """Refuse what is not a domain name, and say which part of it is one."""
    if _is_domain(text):
        return
    bare = _bare_domain(text)
    remedy = f"Write {bare}." if bare else "Write a domain name such as www.example.org."
    if not text:
        yield ("is empty", remedy)
    elif "://" in text or "/" in text:
        yield (f'"{text}" is an address of a page: a domain has neither scheme nor path', remedy)
    elif re.search(r":\d+$", text):
        yield (f'"{text}" has a port', remedy)
    elif "*" in text or text.startswith("."):
        yield (f'"{text}" stands for many names', "Write each name by itself.")
    else:
        yield (f'"{text}" is not a domain name', remedy)


def _is_domain(text: str) -> bool:
    return len(text) <= 253 and all(LABEL.fullmatch(label) for label in text.split(".")) and not text.split(".")[-1].isdigit()


def _bare_domain(text: str) -> str | None:
    """Return the domain name that was probably meant."""
    bare = re.sub(r"^[a-z+]*:?//", "", text.strip().lower())
    bare = re.sub(r"^[^@/]*@", "", bare)
    bare = re.sub(r"[:/?#].*$", "", bare).strip(".")
    try:
        bare = bare.encode("idna").decode()
    except UnicodeError:
        return None
    return bare if "." in bare and _is_domain(bare) else None


def check_source(value: Any) -> Iterator[Finding]:
    """Refuse a source that is neither a git URL nor a directory on the controller."""
    source = str(value)
    if GIT_URL.fullmatch(source):
        yield from _check_git_url(source)
    elif not source.startswith(("/", "~", ".")) and GIT_SHORT_URL.fullmatch(source):
        return
    elif not source.startswith("/"):
        yield (
            f'"{source}" is neither a git URL nor an absolute path',
            "Write a URL such as https://git.example.org/site.git or git@git.example.org:site.git, "
            'or a path that begins with / or with "{{ inventory_dir }}/../".',
        )
    elif not Path(source).is_dir():
        what = "a file" if Path(source).is_file() else "no directory on this machine"
        yield (
            f'"{source}" is {what}',
            "Write the path of the project's directory on this machine, or a git URL (file:// for a repository on the hosts).",
        )


def _check_git_url(source: str) -> Iterator[Finding]:
    parts = urlsplit(source)
    if parts.password or (parts.username and parts.scheme in ("http", "https")):
        wrong = "the URL carries a password or a token, which would show in logs"
        yield (wrong, "Write the ssh URL (git@host:path), and set site_deploy_key.")
    elif page := WEB_PAGE.match(source):
        repository = re.split(r"(?:/-)?/(?:tree|blob|commit|src/branch)/", source, maxsplit=1)[0]
        yield (
            f'"{source}" is a web page of the repository ({page[1]})',
            f"Write {repository}.git, and the branch in site_version.",
        )


def check_deploy_key(value: Any) -> Iterator[Finding]:
    """Refuse what is not the text of a private key."""
    key = str(value)
    if key and "PRIVATE KEY-----" not in key:
        if key.startswith(("ssh-", "ecdsa-")):
            yield ("is a public key", "Write the private key that belongs to it, from a vault or a file outside the inventory.")
        else:
            remedy = "Write the key's text; from a file: \"{{ lookup('ansible.builtin.file', '/path/of/the/key') }}\"."
            yield ("is not a private key (hidden)", remedy)


def check_signing_keys(value: Any) -> Iterator[Finding]:
    """Refuse elements that are no public keys. Never shows one, which may be private by mistake."""
    for place, key in enumerate(value):
        text = str(key).strip()
        if "PRIVATE KEY" in text:
            yield (f"element {place} is a private key (hidden)", "Write the public half, and keep this one secret.")
        elif not kind_of(text):
            example = "ssh-ed25519 AAAA…, or what `gpg --export --armor` prints"
            yield (f"element {place} is not a public key (hidden)", f"Write the key's text, such as {example}.")


def check_inner_path(value: Any) -> Iterator[Finding]:
    """Refuse a path that leads out of the project."""
    path = str(value)
    if path.startswith(("/", "~")) or ".." in path.split("/"):
        yield (f'"{path}" leads out of the project', "Write the path relative to the project's folder.")


def check_inner_paths(value: Any) -> Iterator[Finding]:
    """Refuse paths that lead out of the project."""
    for path in value:
        yield from check_inner_path(path) if path else iter([("an element is empty", "Remove it.")])


def check_local_file(value: Any) -> Iterator[Finding]:
    """Refuse a file on the controller that isn't there."""
    path = str(value)
    if path and not path.startswith("/"):
        yield (
            f'"{path}" is not an absolute path',
            f'Write "{{{{ inventory_dir }}}}/../{path}" for a file beside the folder of the inventory.',
        )
    elif path and not Path(path).is_file():
        yield (f'"{path}" does not exist on this machine', "Correct the path, or remove the line.")


def check_index_url(value: Any) -> Iterator[Finding]:
    """Refuse what is not a URL. Never shows the value, which may hold a password."""
    if value and not re.fullmatch(r"(https?|file)://\S+", str(value)):
        yield ("is not a URL", "Write it with its scheme, for example https://packages.example.org/simple/.")


def check_audit_ignored(value: Any) -> Iterator[Finding]:
    """Refuse what is not the identifier of a vulnerability."""
    for identifier in value:
        if not VULNERABILITY.fullmatch(str(identifier)):
            yield (f'"{identifier}" is not the identifier of a vulnerability', "Write for example CVE-2026-1234.")


def check_url_path(value: Any) -> Iterator[Finding]:
    """Refuse what is not the path of a URL."""
    path = str(value)
    if not URL_PATH.fullmatch(path):
        yield (f'"{path}" is not a path', "Write a path that begins with a slash, for example /healthz, other signs as %XX.")


def check_url_folder(value: Any) -> Iterator[Finding]:
    """Refuse what is not a path of the form /name/."""
    path = str(value)
    if not URL_FOLDER.fullmatch(path) or ".." in path.split("/"):
        name = re.sub(r"^\w+://[^/]*", "", path).strip("/")
        example = f"/{name}/" if re.fullmatch(r"[A-Za-z0-9._~/-]+", name) else "/static/"
        yield (f'"{path}" is not the path of a folder', f"Write it with a slash at both ends: {example}")


def check_statuses(value: Any) -> Iterator[Finding]:
    """Refuse what is neither a status nor a range of them."""
    for status in value:
        first, _, last = str(status).partition("-")
        if not STATUSES.fullmatch(str(status)) or (last and last < first):
            yield (f'"{status}" is no HTTP status', 'Write statuses such as "200", or ranges such as "200-399".')


def check_env(value: Any) -> Iterator[Finding]:
    """Refuse names and values that can't be in the environment of a process. Never shows a value."""
    for name, text in value.items():
        if not VARIABLE_NAME.fullmatch(str(name)):
            yield (f'"{name}" can\'t be the name of an environment variable', "Write letters, digits and underscores.")
        if isinstance(text, (bool, float)) or text is None:
            yield (f"the value of {name} is not text, so that one must guess what the project would read", "Put it in quotes.")
        elif isinstance(text, (Mapping, list, tuple)):
            yield (f"the value of {name} is not text", "Write one text; a list as the project reads it, for example a,b.")
        elif re.search(r"[\ud800-\udfff]", str(text)):
            yield (f"the value of {name} has a half of a character", "Write the whole character.")
        elif "\n" in str(text) or "\0" in str(text):
            remedy = "Write one line; a key or a certificate as base64 or as a file's path."
            yield (f"the value of {name} has more than one line", remedy)


def check_identifier(value: Any) -> Iterator[Finding]:
    """Refuse a name that PostgreSQL would need quoted, or that it uses itself."""
    name = str(value)
    if not IDENTIFIER.fullmatch(name):
        yield (f'"{name}" is not a plain name', "Write up to 63 lower-case letters, digits and underscores.")
    elif name in DATABASE_NAMES or name.startswith("pg_"):
        yield (f'"{name}" is a name that PostgreSQL itself uses', "Choose another one.")


def check_secret_key(value: Any) -> Iterator[Finding]:
    """Refuse a key that is easily guessed."""
    key = str(value)
    if key.startswith("django-insecure-"):
        yield ("is the example key of a new project, which is not secret", "Remove the line: a key is generated.")
    elif len(key) < SHORTEST_SECRET_KEY:
        yield (
            f"is shorter than {SHORTEST_SECRET_KEY} characters",
            "Remove the line, so that a key is generated, or write a longer one.",
        )


def check_fallbacks(value: Any) -> Iterator[Finding]:
    """Refuse keys that a project couldn't tell apart. Never shows one."""
    if any("," in str(key) for key in value):
        yield ("one of the keys has a comma, at which the project would split it", "Leave that key out.")


def check_not_empty(value: Any) -> Iterator[Finding]:
    """Refuse an empty text."""
    if not str(value).strip():
        yield ("is empty", "Remove the line, so that the default applies, or write a value.")


def check_settings_module(value: Any) -> Iterator[Finding]:
    """Refuse what is not the dotted name of a module."""
    name = str(value)
    if name and not MODULE_NAME.fullmatch(name):
        dotted = re.sub(r"\.py$", "", name).strip("/").replace("/", ".")
        remedy = f"Write {dotted}." if MODULE_NAME.fullmatch(dotted) else "Write a dotted name such as mysite.settings."
        yield (f'"{name}" is not the name of a module', remedy)


def check_application(value: Any) -> Iterator[Finding]:
    """Refuse what is not of the form module:object."""
    module, _, name = str(value).partition(":")
    if value and not (MODULE_NAME.fullmatch(module) and MODULE_NAME.fullmatch(name or "application")):
        yield (f'"{value}" is not an application', "Write it as module:object, for example mysite.wsgi:application.")


def check_version(value: Any) -> Iterator[Finding]:
    """Refuse what git can't know as a branch, a tag or a commit."""
    name = str(value)
    if not name or name.startswith("-") or name.endswith((".lock", "/", ".")) or NOT_IN_A_REF.search(name):
        yield (
            f'"{name}" can\'t be a branch, a tag or a commit',
            "Write one of these, for example main, v1.2 or a commit's hash.",
        )


def check_absolute_path(value: Any) -> Iterator[Finding]:
    """Refuse a path that depends on the folder from which a playbook is started."""
    if not str(value).startswith("/"):
        yield (f'"{value}" is not an absolute path', 'Write a path that begins with / or with "{{ inventory_dir }}/.secrets".')


def check_hash_key(value: Any) -> Iterator[Finding]:
    """Refuse what a balancer can't look at."""
    if value and not HASH_KEY.fullmatch(str(value)):
        yield (f'"{value}" names nothing of a request', "Write header:<name>, cookie:<name>, query:<name> or path.")


def check_email(value: Any) -> Iterator[Finding]:
    """Refuse what no authority would take as an address."""
    address = str(value)
    name, _, domain = address.rpartition("@")
    if address and not (re.fullmatch(r"[^\s@,;<>]+", name) and "." in domain and _is_domain(domain.lower())):
        yield (f'"{address}" is not an e-mail address', "Write one such as webmaster@example.org, or remove the line.")


def check_directory_url(value: Any) -> Iterator[Finding]:
    """Refuse what is not the directory of an ACME server."""
    url = str(value)
    if not re.fullmatch(r"https://[^\s/]+/\S+", url):
        remedy = "Write it with https:// and a path, for example https://acme-v02.api.letsencrypt.org/directory."
        yield (f'"{url}" is not the URL of an ACME directory', remedy)


def check_dns_plugin(value: Any) -> Iterator[Finding]:
    """Refuse what can't be a plugin of certbot."""
    name = str(value)
    if name and (not re.fullmatch(r"[a-z0-9]+", name) or name in ("dns", "certbot", "manual")):
        bare = re.sub(r"^(python3-)?(certbot-)?(dns-)?", "", name)
        example = bare if re.fullmatch(r"[a-z0-9]+", bare) else "rfc2136"
        yield (f'"{name}" is not a plugin of certbot for the DNS', f"Write the last part of its package's name: {example}.")


def check_batch(value: Any) -> Iterator[Finding]:
    """Refuse sizes that are neither numbers of hosts nor shares of them."""
    for size in value:
        if not BATCH.fullmatch(str(size)):
            yield (f'"{size}" is no number of hosts', 'Write numbers from 1 on, such as 2, or percentages, such as "25%".')
    if not value:
        yield ("is empty, so that no host would ever switch", 'Write for example [1, "100%"].')


def check_networks(value: Any) -> Iterator[Finding]:
    """Refuse elements that are neither addresses nor networks."""
    for address in value:
        try:
            ipaddress.ip_network(str(address), strict=False)
        except ValueError:
            yield (f'"{address}" is neither an address nor a network', "Write for example 203.0.113.7 or 203.0.113.0/24.")


def check_allowed(value: Any) -> Iterator[Finding]:
    """Refuse what a firewall can't let in."""
    for flow in value:
        yield from check_networks(flow.get("sources") or [])
        if not flow.get("sources"):
            yield (f"port {flow.get('port')} names nobody who may reach it", 'Write sources; ["0.0.0.0/0", "::/0"] is everybody.')
        first, _, last = str(flow.get("port")).partition("-")
        if not all(part.isdecimal() and int(part) <= LAST_PORT for part in (first, last or first)):
            yield (f'"{flow.get("port")}" is no port', "Write a number from 1 to 65535, or a range such as 6000-6010.")


def check_not_nobody(value: Any) -> Iterator[Finding]:
    """Refuse a list of networks that has none."""
    yield from check_networks(value)
    if not value:
        yield ("is empty, so that nobody could log in", "Write the networks of your operators, or remove the line for anywhere.")


def check_virtual_addresses(value: Any) -> Iterator[Finding]:
    """Refuse elements that are not addresses with the size of their network."""
    for address in value:
        try:
            known = ipaddress.ip_interface(str(address))
        except ValueError:
            yield (f'"{address}" is not an address', "Write for example 192.0.2.10/24.")
            continue
        if "/" not in str(address):
            yield (
                f'"{address}" does not say how large its network is',
                f"Write for example {address}/{24 if known.version == 4 else 64}.",
            )


def check_administrators(value: Any) -> Iterator[Finding]:
    """Refuse administrators who could not sign in, or whose account is another one's. Never shows a key."""
    names = [str(administrator["name"]) for administrator in value]
    for administrator in value:
        name, keys = str(administrator["name"]), [str(key) for key in administrator["keys"]]
        if not ACCOUNT.fullmatch(name):
            yield (
                f'"{name}" can\'t be the name of an account',
                "Write up to 31 lower-case letters, digits, - and _, beginning with a letter.",
            )
        elif name in RESERVED_NAMES:
            yield (f'"{name}" is an account of the system\'s own', "Give the administrator another name.")
        if names.count(name) > 1:
            yield (f"{name} is named more than once", "Write one element with all of the keys.")
        if not keys:
            yield (f"{name} has no key and could not sign in", "Write the text of a .pub file below keys, or remove the element.")
        for number, key in enumerate(keys, start=1):
            if "PRIVATE KEY" in key:
                yield (
                    f"key {number} of {name} is a private key",
                    "Write the public one, from the file that ends in .pub; make a new pair, for this one was shown.",
                )
            elif "\n" in key.strip() or not PUBLIC_KEY.search(key):
                yield (
                    f"key {number} of {name} is not a public key",
                    "Write one line as in a .pub file: ssh-ed25519 AAAA... name.",
                )


def _form(form: re.Pattern[str], what: str, remedy: str) -> Rule:
    """Return the rule that a text, if there is one, or each element of a list has this form."""

    def check(value: Any) -> Iterator[Finding]:
        for text in value if isinstance(value, (list, tuple)) else [value]:
            if str(text) and not form.fullmatch(str(text)):
                yield (f'"{text}" is {what}', remedy)

    return check


check_plain_path = _form(
    PLAIN_PATH,
    "not a path that every program reads alike",
    "Write an absolute one of letters, digits and ._~@+,=- without spaces.",
)
check_packages = _form(PACKAGE, "not the name of a Debian package", "Write for example libpq5, or nginx=1.26.3-3.")
check_web_address = _form(WEB_ADDRESS, "not the address of a server", "Write for example https://s3.example.org.")


def check_requirements(value: Any) -> Iterator[Finding]:
    """Refuse what pip would take for an option."""
    for requirement in value:
        if str(requirement).strip().startswith("-") or not str(requirement).strip():
            yield (f'"{requirement}" is not a requirement', "Write a name and a version, for example whitenoise~=6.0.")


def check_pattern(value: Any) -> Iterator[Finding]:
    """Refuse what is no regular expression, or would end in the middle of one."""
    pattern = str(value)
    try:
        re.compile(pattern)
    except re.error as error:
        yield (f'"{pattern}" is not a regular expression: {error}', "Correct it.")
        return
    if not pattern or re.search(r"[\"\s]", pattern):
        yield (f'"{pattern}" is empty, or holds a space or a quote', r"Write \s or \x22 instead.")


def check_setting_names(value: Any) -> Iterator[Finding]:
    """Refuse names that can't stand before an equals sign. Never shows a value."""
    for name in value:
        if not SETTING_NAME.fullmatch(str(name)):
            yield (f'"{name}" can\'t be the name of a setting', "Write letters, digits and underscores.")


def check_settings(value: Any) -> Iterator[Finding]:
    """Refuse names and values of settings that would not stay in their line. Never shows a value."""
    yield from check_setting_names(value)
    for name, text in value.items():
        if CONTROL.search(str(text)):
            yield (f"the value of {name} has more than one line", "Write one line.")


def check_kernel_settings(value: Any) -> Iterator[Finding]:
    """Refuse kernel settings that would not stay in their line."""
    for name, text in value.items():
        if not KERNEL_SETTING.fullmatch(str(name)):
            yield (f'"{name}" is not the name of a kernel setting', "Write for example net.core.somaxconn.")
        elif CONTROL.search(str(text).replace("\t", " ")):
            yield (f"the value of {name} has more than one line", "Write one line.")


RULES: dict[str, Rule] = {
    "private_address": check_address,
    "site_name": check_site_name,
    "site_domain": check_domain,
    "site_aliases": check_aliases,
    "site_source": check_source,
    "site_version": check_version,
    "site_deploy_key": check_deploy_key,
    "site_source_signing_keys": check_signing_keys,
    "site_project_path": check_inner_path,
    "site_requirements_file": check_inner_path,
    "site_shared_paths": check_inner_paths,
    "site_settings_module": check_settings_module,
    "site_application": check_application,
    "site_static_url": check_url_folder,
    "site_media_url": check_url_folder,
    "site_audit_service_url": check_index_url,
    "site_audit_ignored": check_audit_ignored,
    "site_env": check_env,
    "site_secrets_path": check_absolute_path,
    "site_authority_path": check_absolute_path,
    "site_database_authority_path": check_absolute_path,
    "site_secret_key": check_secret_key,
    "site_authority_passphrase": check_not_empty,
    "site_secret_key_fallbacks": check_fallbacks,
    "site_database_password": check_not_empty,
    "site_database_name": check_identifier,
    "site_database_user": check_identifier,
    "site_balance_hash_key": check_hash_key,
    "site_deploy_batch": check_batch,
    "site_administrators": check_administrators,
    "ssh_administrators": check_administrators,
    "site_virtual_addresses": check_virtual_addresses,
    "nginx_trusted_proxies": check_networks,
    "nginx_static_hashed_pattern": check_pattern,
    "gunicorn_worker_class": _form(MODULE_NAME, "not a kind of worker", "Write for example sync, gthread or asgi."),
    "gunicorn_writable_paths": check_plain_path,
    "gunicorn_settings": check_setting_names,
    "keepalived_interface": _form(INTERFACE, "not the name of a network device", "Write for example eth0."),
    "os_packages": check_packages,
    "os_locale": _form(LOCALE, "not a locale", "Write for example C.UTF-8 or de_CH.UTF-8."),
    "os_timezone": _form(TIMEZONE, "not a time zone", "Write for example Etc/UTC or Europe/Zurich."),
    "os_time_servers": check_addresses,
    "os_sysctl": check_kernel_settings,
    "os_security_updates_excluded": _form(PACKAGE_PATTERN, "not the name of a package", "Write for example postgresql-.*"),
    "os_security_updates_reboot_time": _form(TIME_OF_DAY, "not a time of day", 'Write for example "03:30", or now.'),
    "postgresql_version": _form(TOOL_VERSION, "not a version", 'Write for example "17".'),
    "postgresql_packages": check_packages,
    "postgresql_settings": check_settings,
    "python_version": _form(PYTHON_VERSION, "not a version of Python", 'Write for example "3.12".'),
    "python_uv_version": _form(TOOL_VERSION, "not a version", "Write for example 0.13.9."),
    "python_uv_hashes": _form(SHA256, "not a SHA-256", "Write 64 hexadecimal digits, as the package index shows them."),
    "python_build_packages": check_packages,
    "python_index_url": check_index_url,
    "python_mirror_url": check_index_url,
    "firewall_allowed": check_allowed,
    "firewall_ssh_sources": check_not_nobody,
    "site_maintenance_allowed_addresses": check_networks,
    "site_packages": check_packages,
    "site_build_packages": check_packages,
    "site_python_packages": check_requirements,
    "site_media_path": check_plain_path,
    "site_media_s3_endpoint_url": check_web_address,
    "site_media_s3_bucket": _form(BUCKET, "not the name of a bucket", "Write 2 to 63 letters, digits and ._-"),
    "site_media_s3_region": _form(REGION, "not a region", "Write letters, digits and dashes, for example eu-central-1."),
    "site_health_path": check_url_path,
    "site_health_statuses": check_statuses,
    "site_acme_email": check_email,
    "site_acme_directory_url": check_directory_url,
    "site_acme_ca_bundle_path": check_local_file,
    "site_acme_dns_plugin": check_dns_plugin,
    "site_acme_dns_hook_path": check_local_file,
    "site_ca_bundle_path": check_local_file,
    "site_package_index_url": check_index_url,
    "site_hook_before_build": check_local_file,
    "site_hook_after_build": check_local_file,
    "site_hook_before_migrate": check_local_file,
    "site_hook_after_migrate": check_local_file,
    "site_hook_before_switch": check_local_file,
    "site_hook_after_switch": check_local_file,
}
