"""Copies uploaded files from a folder into the storage that the settings name, or removes those that are there.

Run as ``python move_media.py FOLDER copy|remove|look`` in the project's folder with the site's environment.
Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ANSWER = "hotclub-answer:"
# Most of the time is spent waiting for the store.
AT_ONCE = 8


def main(folder: Path, action: str) -> dict[str, Any]:
    """Take each file of the folder, and count what became of it."""
    import django

    django.setup()
    from django.core.files.storage import default_storage

    if is_folder_itself(default_storage, folder):
        return {"same": True}
    answer: dict[str, Any] = {"files": 0, "bytes": 0, "copied": 0, "copied_bytes": 0, "removed": 0, "failed": []}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(lambda path: attempt(default_storage, folder, path, action), files_in(folder)):
            failure = result.pop("failed", None)
            if failure:
                answer["failed"].append(failure)
            for name, number in result.items():
                answer[name] += number
    return answer


def is_folder_itself(storage: Any, folder: Path) -> bool:
    """Say whether what the settings name is the folder that the files are in."""
    try:
        location = str(storage.path(""))
    except NotImplementedError:  # Django's word for a storage without folders, such as a bucket
        return False
    return Path(location).resolve() == folder.resolve()


def files_in(folder: Path) -> Iterator[Path]:
    """Return every file below a folder, links left out."""
    for top, directories, names in os.walk(folder):
        directories.sort()
        for name in sorted(names):
            path = Path(top, name)
            if path.is_file() and not path.is_symlink():
                yield path


def attempt(storage: Any, folder: Path, path: Path, action: str) -> dict[str, Any]:
    """Take one file; what fails with one does not keep the others."""
    try:
        return take(storage, path, path.relative_to(folder).as_posix(), action)
    except FileNotFoundError:  # the site has deleted it meanwhile
        return {}
    except Exception as error:
        return {"failed": f"{path.relative_to(folder)}: {type(error).__name__}: {error}"[:300]}


def take(storage: Any, path: Path, name: str, action: str) -> dict[str, int]:
    """Copy a file unless it is there, or remove it if it is."""
    size = path.stat().st_size
    counted = {"files": 1, "bytes": size}
    there = storage.exists(name)
    if there and storage.size(name) == size:
        if action == "remove":
            path.unlink()
            return {**counted, "removed": 1}
        return counted
    if action == "copy":
        if there:  # a copy that broke off
            storage.delete(name)
        copy(storage, path, name, size)
    return counted if action == "remove" else {**counted, "copied": 1, "copied_bytes": size}


def copy(storage: Any, path: Path, name: str, size: int) -> None:
    """Copy a file under exactly its name, and look at what arrived."""
    from django.core.files import File

    with path.open("rb") as content:
        stored = storage.save(name, File(content, name=name))
    if stored != name or storage.size(name) != size:
        raise RuntimeError(f"the storage kept it as {stored}, {storage.size(stored)} of {size} bytes")


if __name__ == "__main__":
    sys.path[0] = os.getcwd()
    sys.stdout.write(f"{ANSWER}{json.dumps(main(Path(sys.argv[1]), sys.argv[2]))}\n")
