# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What helps where packages can't be installed or a project can't start, by what uv, builds and Python say."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.release.native import BUILT_WITH, COMPILER
from ansible_collections.hotclub.django.plugins.module_utils.release.software import normalised

OUTDATED = re.compile(r"(?s)lockfile.*needs to be updated|changed significantly since (?:poetry\.lock|the lock file)")
NEWER_PYTHON = re.compile(r"(?s)current Python version.*?Python\s*>=\s*(\d+\.\d+)")
# A project that nobody ever installed as a package; its build system is there for other tools.
NO_PACKAGE = re.compile(
    r"Multiple top-level (?:packages|modules) discovered|Unable to determine which files to ship"
    r"|No file/folder found for (?:package|module)|Expected a Python module at"
)
NO_VERSION = re.compile(r"setuptools.scm was unable to detect version|Error getting the version from source `vcs`")
UNSOLVED = re.compile(r"No solution found|were unable to be satisfied|not found in the package registry")
OTHER_HASH = re.compile(r"hash.*mismatch|mismatch.*hash", re.IGNORECASE | re.DOTALL)
BUILD_FAILED = re.compile(r"Failed to build|build backend")
NETWORK = re.compile(
    r"error sending request|Could not connect|dns error|Failed to fetch|timed out|tls|certificate", re.IGNORECASE
)
DENIED = re.compile(r"\b(401 Unauthorized|403 Forbidden)\b")
# What a build says that it lacks, and the Debian package that has it.
HEADERS = {
    "Python.h": "python3-dev",
    "pg_config": "libpq-dev",
    "libpq-fe.h": "libpq-dev",
    "ffi.h": "libffi-dev",
    "mysql_config": "default-libmysqlclient-dev",
    "libxml/xmlversion.h": "libxml2-dev",
    "libxslt": "libxslt1-dev",
    "openssl/ssl.h": "libssl-dev",
    "jpeglib.h": "libjpeg-dev",
    "ldap.h": "libldap-dev",
    "lber.h": "libldap-dev",
    "sasl.h": "libsasl2-dev",
    "xmlsec": "libxmlsec1-dev",
}
# What Python says of a folder that the site may not write.
UNWRITABLE = re.compile(r"PermissionError|\[Errno (?:13|30)\]|Read-only file system")
NO_COMPILER = re.compile(
    r"command '[^']*g?cc' failed: No such file|[Uu]nable to find.*compiler|No such file or directory: '[^']*(gcc|cc|g\+\+)'"
)
# As uv names the package that it could not build, at the top and at the end of what it says.
UNBUILT = re.compile(r"Failed to (?:download and )?build `([\w.-]+)|^\s*hint: `([\w.-]+)` \(v\S+\) was included", re.MULTILINE)


def remedy_for(text: str) -> str:
    """Return what to do about an installation that failed.

    :param text: what was said.
    """
    if "No space left" in text:
        return "The disk is full: make room, or lower site_keep_releases."
    if outdated := OUTDATED.search(text):
        tool = "poetry" if "poetry" in outdated[0] else "uv"
        return f"{tool}.lock is older than pyproject.toml: run `{tool} lock`, commit {tool}.lock and deploy again."
    if DENIED.search(text):
        return "The package index wants another user name and password than those in site_package_index_url."
    if "index-strategy" in text:
        return (
            "What is asked for is in another index than the first that has the package. Where all of these are trusted alike, "
            "set site_build_env: {UV_INDEX_STRATEGY: unsafe-best-match}; else name one of them in site_package_index_url."
        )
    if newer := NEWER_PYTHON.search(text):
        return (
            f'A package wants a newer Python: set python_version: "{newer[1]}" and run playbooks/site.yml, '
            "or take a version of the package that this Python can run."
        )
    if UNSOLVED.search(text):
        return "Correct the project's requirements (or its lock), push, and deploy again."
    if OTHER_HASH.search(text):
        return "A file of the package index is not the one that the project has locked: find out why before you go on."
    if BUILD_FAILED.search(text):
        return compiling_remedy(text)
    if NETWORK.search(text):
        return (
            "The package index can't be reached from this host: "
            "check site_package_index_url, site_ca_bundle_path and the network."
        )
    return "Correct the project's requirements and deploy again."


def is_no_package(text: str) -> bool:
    """Say whether a build failed since there is nothing that could be a package."""
    return bool(NO_PACKAGE.search(text))


def compiling_remedy(text: str) -> str:
    """Return what to install for a package that could not be built.

    :param text: what its build said.
    """
    if NO_VERSION.search(text):
        return (
            "The version comes from git's tags, and there are none: set site_source to the address of a repository that has "
            "them, since a folder is sent without; or say it in site_build_env: {SETUPTOOLS_SCM_PRETEND_VERSION: ...}."
        )
    packages = [package for said, package in HEADERS.items() if said in text]
    if packages or NO_COMPILER.search(text):
        # What a build lacks first is not all that it lacks.
        unbuilt = (normalised(found[1] or found[2]) for found in UNBUILT.finditer(text))
        packages += [each for name in unbuilt for each in BUILT_WITH.get(name, ())]
    if NO_COMPILER.search(text):
        # Whoever lacks a compiler lacks what it is to read, too.
        packages = [*COMPILER, *packages]
    if not packages:
        return (
            "A package could not be built, for the reason above. If it lacks a program or a library, name its Debian package in "
            "site_build_packages and run playbooks/site.yml; else take a version that needs no building."
        )
    named = ", ".join(dict.fromkeys(packages))
    return f"A package needs to be compiled: set site_build_packages: [{named}] and run playbooks/site.yml."


def writing_remedy(said: str, root: Path) -> str:
    """Return what helps a project that writes where the site may not; empty where that isn't what failed.

    :param root: the site's folder.
    """
    if not UNWRITABLE.search(said):
        return ""
    return (
        f"The site may write its media, the folders that site_shared_paths names ([data] makes {root}/shared/data), and what "
        "is in XDG_CACHE_HOME. Have the project write there: by site_env, where its settings take the place from the environment."
    )
