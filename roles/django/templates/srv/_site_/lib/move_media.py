"""Copies uploaded files from a folder into the storage that the settings name, or removes those that are there.

Run as ``python move_media.py FOLDER copy|remove|look AFTER SECONDS`` in the project's folder with the site's environment.
Goes through the files in order, from the one after AFTER and for about so long. Prints one line of JSON; its ``next`` is AFTER
for the next part, empty at the end. Of millions of files, some ten thousand names are in memory at a time.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

ANSWER = "hotclub-answer:"
# Most of the time is spent waiting for the store.
AT_ONCE = 8
# Files between two looks at the clock, and names of one folder that are put in order at once.
FILES, NAMES = 64, 50_000
FAILURES_TOLD = 20


def main(folder: Path, action: str, after: str, seconds: float) -> dict[str, Any]:
    """Take one file of the folder after the other, and count what became of them."""
    import django

    django.setup()
    from django.core.files.storage import default_storage

    if is_folder_itself(default_storage, folder):
        return {"same": True}
    counted = dict.fromkeys(("files", "bytes", "copied", "copied_bytes", "removed", "unmoved"), 0)
    failed: list[str] = []
    deadline = time.monotonic() + seconds
    names = files_in(folder, os.fsdecode(unquote_to_bytes(after)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while some := list(itertools.islice(names, FILES)):
            for result in pool.map(lambda name: attempt(default_storage, folder, name, action), some):
                failed += result.pop("failed", [])[: FAILURES_TOLD - len(failed)]
                for name, number in result.items():
                    counted[name] += number
            if time.monotonic() > deadline:
                return {**counted, "failed": failed, "next": quote(os.fsencode(some[-1]))}
    return {**counted, "failed": failed, "next": ""}


def is_folder_itself(storage: Any, folder: Path) -> bool:
    """Say whether what the settings name is the folder that the files are in."""
    try:
        location = str(storage.path(""))
    except NotImplementedError:  # Django's word for a storage without folders, such as a bucket
        return False
    return Path(location).resolve() == folder.resolve()


def files_in(folder: Path, after: str = "") -> Iterator[str]:
    """Yield the names of all files below a folder after a name, in order, links left out."""
    head, _slash, rest = after.partition("/")
    for name in names_in(folder, head, bool(rest)):
        path = folder / name
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from (f"{name}/{below}" for below in files_in(path, rest if name == head else ""))
        elif path.is_file():
            yield name


def names_in(folder: Path, after: str, included: bool) -> Iterator[str]:
    """Yield the names in a folder from one on, in order."""
    while True:
        try:
            with os.scandir(folder) as entries:
                later = (entry.name for entry in entries if entry.name > after or (included and entry.name == after))
                names = heapq.nsmallest(NAMES, later)
        except FileNotFoundError:  # the site has deleted it meanwhile
            return
        yield from names
        if len(names) < NAMES:
            return
        after, included = names[-1], False


def attempt(storage: Any, folder: Path, name: str, action: str) -> dict[str, Any]:
    """Take one file; what fails with one does not keep the others."""
    try:
        return take(storage, folder / name, name, action)
    except FileNotFoundError:  # the site has deleted it meanwhile
        return {}
    except Exception as error:
        told = f"{name}: {type(error).__name__}: {error}"[:300]
        return {"unmoved": 1, "failed": [told.encode(errors="backslashreplace").decode()]}


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
    sys.stdout.write(f"{ANSWER}{json.dumps(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])))}\n")
