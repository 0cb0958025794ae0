# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What becomes of a project's files: front end, static files, uploads, translations, logs, migrations."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.release.project import (
    assigned_in,
    is_elsewhere,
    is_importable,
    unmigrated,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.source import large_file_pointers
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection import frontend
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.code import UNREADABLE, module_file, own_files, parsed
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.looking import Look, host_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.values import Given, Place, Unknown, text_of

APT = re.compile(r"apt(?:-get)?\s+(?:-\S+\s+)*install\s+([^&|;]+)")
OBJECT_STORE = re.compile(r"s3|gcloud|google|azure|dropbox|swift|cloudinary", re.IGNORECASE)


def judge(look: Look) -> None:
    """Say what becomes of the project's files."""
    _front_end(look)
    _urls(look)
    _own_uploads(look)
    _storages(look)
    _compressor(look)
    _translations(look)
    _logs(look)
    _large_files(look)
    _migrations(look)
    _application(look)
    _image(look)


def serves_all_uploads(look: Look) -> bool:
    """Say whether the inventory leaves all uploads to the project."""
    return "." in look.wanted.texts("site_media_private_paths")


def _own_uploads(look: Look) -> None:
    """Tell of a project with a page of its own below MEDIA_URL, which may ask who is there: the web server would not."""
    below = look.settings.text("MEDIA_URL").strip("/")
    if not below or look.wanted.texts("site_media_private_paths"):
        return
    for path in own_files(look.top):
        for call in ast.walk(parsed(path)) if path.name == "urls.py" and not_too_odd(path) else ():
            match call:
                case ast.Call(func=ast.Name(id="path" | "re_path" | "url"), args=[ast.Constant(value=str(route)), view, *_]) if (
                    route.lstrip("^/").startswith(f"{below}/") and ast.unparse(view).rpartition(".")[2] not in ("serve", "static")
                ):
                    look.report.notes.append(
                        f"{look.shown(path)}:{call.lineno} serves {route} itself. Where it decides who may read uploads, set "
                        "site_media_private_paths: [.], since nginx serves them to everybody."
                    )
                    return


def not_too_odd(path: Path) -> bool:
    """Say whether a file is Python that can be read."""
    try:
        parsed(path)
    except UNREADABLE:
        return False
    return True


def _front_end(look: Look) -> None:
    wanted = look.wanted.texts("site_build_commands")
    ends = frontend.found(look.source)
    for end in ends:
        place = str(end.folder / "package.json")
        node = f", Node.js {end.node} ({end.said})" if end.node else ""
        look.report.fact("front end", f"{place}: `{end.tool} run {end.script}`, {end.lock or 'no lock'}{node}")
        if any(str(end.folder) in command or end.script in command for command in wanted):
            continue
        if end.folder != ends[0].folder:
            look.report.notes.append(f"{place} has a script {end.script}, too: add it to site_build_commands where it counts.")
            continue
        look.report.add("site_build_packages", ["nodejs", "npm"], place)
        look.report.add("site_build_commands", end.commands(), place)
        older = [f"{place} has {version}" for place, version in frontend.NODE.items() if version < end.node]
        if older and end.node <= max(frontend.NODE.values()):
            look.report.notes.append(
                f"Node.js {end.node} is wanted by {end.said}; {', '.join(older)}. There, write the commands as "
                f"npx --yes --package=node@{end.node} -- npm ..."
            )


def _urls(look: Look) -> None:
    for name, usual in (("STATIC_URL", "/static/"), ("MEDIA_URL", "/media/")):
        value = look.settings.values.get(name)
        if not isinstance(value, str) or not value:
            continue
        # Django puts the site's own path before what has none.
        theirs = value if value.startswith(("/", "http:", "https:")) else f"/{value}"
        look.report.fact("files", f"{name} is {theirs}")
        variable = f"site_{name.lower()}"
        ours = "" if name == "MEDIA_URL" and serves_all_uploads(look) else look.wanted.text(variable, usual)
        if is_elsewhere(theirs, ours):
            look.report.set(variable, theirs, look.settings.lines.get(name, name))
        elif host_of(theirs) in {look.wanted.text("site_domain"), *look.wanted.texts("site_aliases")} - {""}:
            look.report.stop(
                f"{look.line(name)} is {theirs}, on a name of the site itself, where the web server has no files.",
                f"Write a path there, such as {usual}.",
            )
        elif "://" in theirs:
            look.report.notes.append(f"{look.line(name)} is on another server, {theirs}, which the collection does not fill.")


def _storages(look: Look) -> None:
    storages = look.settings.dict_of("STORAGES")
    backends = {
        "uploads": text_of(storages["default"].get("BACKEND")) if isinstance(storages.get("default"), dict) else "",
        "static files": text_of(storages["staticfiles"].get("BACKEND")) if isinstance(storages.get("staticfiles"), dict) else "",
    }
    backends["uploads"] = backends["uploads"] or look.settings.text("DEFAULT_FILE_STORAGE")
    backends["static files"] = backends["static files"] or look.settings.text("STATICFILES_STORAGE")
    for what, backend in backends.items():
        if OBJECT_STORE.search(backend) and not {"STORAGES", "DEFAULT_FILE_STORAGE"} & look.settings.maybe:
            look.report.fact("files", f"{what} go to an object store of the project's own ({backend})")
    if OBJECT_STORE.search(backends["static files"]):
        look.report.notes.append("Each build sends the static files to the object store; the web server's own copy stays empty.")


def _compressor(look: Look) -> None:
    if look.uses("compressor"):
        offline = look.settings.values.get("COMPRESS_OFFLINE", False)
        if offline is True or isinstance(offline, Unknown):
            look.report.add("site_commands_after_static", ["compress"], look.line("COMPRESS_OFFLINE"))
        elif look.settings.values.get("COMPRESS_ENABLED") is not False:
            look.report.stop(
                "django-compressor would write below STATIC_ROOT while the site runs, which it may not: pages answer 500.",
                "Write COMPRESS_OFFLINE = True in the settings, and set site_commands_after_static: [compress].",
            )
            look.report.add("site_commands_after_static", ["compress"], "django-compressor")
    if look.uses("sass_processor"):
        look.report.notes.append("django-sass-processor: compilescss in site_commands_after_static makes its files ahead.")
    if look.uses("django_tailwind_cli", "tailwind"):
        look.report.notes.append("Tailwind's styles are made before static files are collected, by site_build_commands.")


def _translations(look: Look) -> None:
    texts = [name for name in look.source.files if name.endswith(".po") and "LC_MESSAGES" in name and "node_modules" not in name]
    bare = [name for name in texts if f"{name[:-3]}.mo" not in look.source.files]
    done = any("compilemessages" in command for command in look.wanted.texts("site_build_commands"))
    if bare and not done:
        look.report.fact("translations", f"{len(bare)} .po files without their .mo, such as {bare[0]}")
        look.report.add("site_build_packages", ["gettext"], "translations that are not compiled")
        look.report.add(
            "site_build_commands", ["django-admin compilemessages --ignore=node_modules"], "translations that are not compiled"
        )


def _logs(look: Look) -> None:
    handlers = look.settings.dict_of("LOGGING").get("handlers") if "LOGGING" not in look.settings.maybe else None
    for name, handler in handlers.items() if isinstance(handlers, dict) else ():
        file = handler.get("filename") if isinstance(handler, dict) else None
        if isinstance(file, Place):
            look.share(str(file.path.parent), f"LOGGING's {name} writes there")
        elif isinstance(file, str) and not isinstance(file, Given):
            look.report.stop(
                f"{look.line('LOGGING')} lets {name} write to {file}, where the site may not write: it can't be imported.",
                "Log to the console, which is the journal; or to a folder of the source that site_shared_paths names.",
            )


def _large_files(look: Look) -> None:
    pointers = large_file_pointers(look.top)
    if pointers:
        look.report.fact("files", f"{len(pointers)} in Git LFS")
        look.report.add("site_build_packages", ["git-lfs"], f"{look.shown(pointers[0])} is in Git LFS")


def _migrations(look: Look) -> None:
    elsewhere = look.settings.dict_of("MIGRATION_MODULES")
    lacking = []
    for path in own_files(look.top):
        if path.name != "models.py" and not (path.name == "__init__.py" and path.parent.name == "models"):
            continue
        folder = path.parent if path.name == "models.py" else path.parent.parent
        if not is_installed(look, folder) or folder.name in elsewhere:
            continue
        has = any(each.name != "__init__.py" for each in (folder / "migrations").glob("*.py"))
        if not has and has_models(path):
            lacking.append(folder.name)
    if lacking and not look.wanted.variables.get("site_unmade_migrations_allowed"):
        trouble = unmigrated(sorted(lacking), look.top, look.project)
        look.report.stop(trouble.cause, trouble.remedy)


def is_installed(look: Look, folder: Path) -> bool:
    """Say whether a folder is that of an installed application."""
    for top in (look.project, look.top):
        if folder.is_relative_to(top) and folder != top:
            dotted = ".".join(folder.relative_to(top).parts)
            if any(app == dotted or app.startswith(f"{dotted}.apps.") for app in look.apps):
                return True
    return False


def has_models(path: Path) -> bool:
    """Say whether a file has a model whose table migrations make."""
    try:
        classes = [node for node in parsed(path).body if isinstance(node, ast.ClassDef)]
    except UNREADABLE:
        return False
    return any(ast.unparse(base) == "models.Model" for node in classes for base in node.bases if not without_table(node))


def without_table(node: ast.ClassDef) -> bool:
    """Say whether a model is abstract, a proxy, or managed by somebody else."""
    said = {"abstract": True, "proxy": True, "managed": False}
    for inner in node.body:
        if isinstance(inner, ast.ClassDef) and inner.name == "Meta":
            for each in inner.body:
                match each:
                    case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)) if said.get(name) is value:
                        return True
    return False


def _application(look: Look) -> None:
    """Look at the file that is served."""
    interface = str(look.report.lines.get("site_interface") or look.wanted.text("site_interface", "wsgi"))
    module, path = application(look, interface)
    if path is not None:
        if look.wanted.layered and (said := assigned_in(path, look.top)):
            look.report.stop(said, f'Write os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{look.module}") there, and push.')
        return
    if not look.settings.files or not is_importable(module, (look.project, look.top)):
        return
    if look.settings.outside and not said_application(look, interface):
        # A package's settings may name that package's application.
        return
    base = look.shown(look.project).replace("/", ".").strip(".")
    others = [
        str(each.with_suffix("")).replace("/", ".").removeprefix(f"{base}.") for each in look.source.named(f"{interface}.py")
    ]
    if others:
        look.report.set("site_application", f"{others[0]}:application", f"there is no {module}")
    elif interface == "wsgi" and application(look, "asgi")[1] is not None:
        look.report.set("site_interface", "asgi", f"there is no {module}, and {application(look, 'asgi')[0]} is there")
    else:
        look.report.stop(f"The source has no {module}, by which it would be served.", "Add it, as startproject writes it.")


def application(look: Look, interface: str) -> tuple[str, Path | None]:
    """Return the module that is served, and its file where the source has it."""
    module = said_application(look, interface) or f"{look.module.partition('.')[0]}.{interface}"
    return module, module_file(module, (look.project, look.top))


def said_application(look: Look, interface: str) -> str:
    """Return the module that the inventory or the settings name as the one that is served; empty where none does."""
    named = look.wanted.text("site_application").partition(":")[0]
    return named or look.settings.text(f"{interface.upper()}_APPLICATION").rpartition(".")[0]


def _image(look: Look) -> None:
    """Tell what the project's own image installs, which says what its author found missing."""
    for name in look.source.named("Dockerfile")[:3]:
        path = look.top / name
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
        words = [word for found in APT.findall(text)[:20] for word in found.split()]
        packages = sorted({word for word in words if re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", word)})
        if packages:
            look.report.fact("image", f"{name} installs {', '.join(packages[:30])}")
