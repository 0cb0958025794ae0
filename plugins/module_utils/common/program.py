# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A part of the code of steps as a program that a host keeps for good, in one file that Python runs as it is."""

from __future__ import annotations

import io
import pkgutil
import re
import zipfile
from collections.abc import Iterator

OURS = "ansible_collections.hotclub.django.plugins.module_utils"
# Each import of ours is of this form, wherever it stands; parsing the whole would take a host a hundred times as long.
IMPORT = re.compile(rf"^ *from ({re.escape(OURS)}[\w.]*) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)
# The same code gives the same bytes, whenever and wherever it is put together.
MOMENT = (1980, 1, 1, 0, 0, 0)


def program(module: str) -> bytes:
    """Return the program whose ``main`` a module of ours has, with all that it needs of ours.

    What it imports otherwise has to be on the host: Python's own, never Ansible's.

    :param module: its name below ``module_utils``.
    """
    sources = dict(sorted(needed(f"{OURS}.{module}").items()))
    packages = {name.rpartition(".")[0] for name in sources}
    packages |= {package.rsplit(".", count)[0] for package in packages for count in range(1, package.count(".") + 1)}
    files = {f"{name.replace('.', '/')}.py": source for name, source in sources.items()}
    files |= {f"{name.replace('.', '/')}/__init__.py": b"" for name in sorted(packages)}
    files["__main__.py"] = f"from {OURS}.{module} import main\n\nmain()\n".encode()
    content = io.BytesIO()
    # Not compressed: versions of zlib differ in what they make of the same text.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path, source in files.items():
            entry = zipfile.ZipInfo(path, MOMENT)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, source)
    return content.getvalue()


def needed(module: str) -> dict[str, bytes]:
    """Return the source of a module and of all of ours that it imports, by name."""
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        source = source_of(name) if name not in found else None
        if source is not None:
            found[name] = source
            waiting += imported(source)
    return found


def source_of(module: str) -> bytes | None:
    """Return the source of a module of ours, wherever this code runs from; None for what is a name in one."""
    try:
        return pkgutil.get_data(module.rpartition(".")[0], f"{module.rpartition('.')[2]}.py")
    except (ImportError, OSError):
        return None


def imported(source: bytes) -> Iterator[str]:
    """Yield what of ours a source imports anywhere: modules, and what may be one or a name in one."""
    for module, several, one in IMPORT.findall(source.decode()):
        yield module
        yield from (f"{module}.{name.split()[0]}" for name in (several or one).split(",") if name.strip())
