"""The lab's command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from lab import demo, docker, hosts, sanity, suite
from lab.commands import hand_over
from lab.errors import LabError, complain
from lab.image import REPOSITORY, SUITES
from lab.inventory import open_lab
from lab.steps import step
from lab.workflow import bring_up

DEFAULT_SUITE = "trixie"

# argparse names its own type privately.
Verbs = Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; a known trouble ends in a message, not in a traceback."""
    options = _parser().parse_args(arguments)
    verb: Callable[[argparse.Namespace], int | None] = options.verb
    try:
        return verb(options) or 0
    except LabError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="Real hosts on one machine.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    # Every verb does that first.
    verb = verbs.add_parser("bootstrap", help="install Ansible and the tools into .venv, and nothing else")
    verb.set_defaults(verb=lambda options: None)

    verb = verbs.add_parser("up", help="start a lab host for each host of an inventory")
    _add_inventory(verb)
    verb.add_argument("--suite", choices=SUITES, default=DEFAULT_SUITE, help="what the hosts run")
    verb.add_argument("--image", default="", metavar="TAG", help="start from a host that was baked under this tag")
    verb.set_defaults(verb=_up)

    verb = verbs.add_parser("down", help="remove an inventory's lab hosts")
    _add_inventory(verb)
    verb.set_defaults(verb=_down)

    verb = verbs.add_parser("ps", help="list the lab hosts")
    verb.set_defaults(verb=_ps)

    verb = verbs.add_parser("restart", help="reboot a lab host")
    verb.add_argument("host")
    verb.set_defaults(verb=_restart)

    verb = verbs.add_parser("ssh", help="open a shell on a lab host, or run a command there")
    verb.add_argument("host")
    verb.add_argument("command", nargs=argparse.REMAINDER)
    verb.set_defaults(verb=lambda options: hosts.open_shell(hosts.find(options.host), options.command))

    verb = verbs.add_parser("exec", help="run a command on a lab host without SSH")
    verb.add_argument("host")
    verb.add_argument("command", nargs=argparse.REMAINDER)
    verb.set_defaults(verb=_exec)

    verb = verbs.add_parser("bake", help="make an image of a lab host with all that is installed on it")
    verb.add_argument("host")
    verb.add_argument("tag")
    verb.set_defaults(verb=lambda options: hosts.bake(hosts.find(options.host), f"{REPOSITORY}:{options.tag}"))

    verb = verbs.add_parser("test", help="run all the tests, or some stages of them")
    verb.add_argument("stages", nargs="*", metavar="STAGE", help="as the summary names them")
    verb.add_argument("--beside", nargs="*", default=[], metavar="STAGE", help="those that run at the same time as the others")
    verb.add_argument("--all", action="store_true", dest="everything", help="on a slow machine, too, leave nothing out")
    verb.set_defaults(verb=lambda options: suite.run_stages(options.stages, options.beside, options.everything))

    verb = verbs.add_parser("sanity", help="check the collection as ansible-core does")
    verb.add_argument("versions", nargs="*", metavar="VERSION", help="of ansible-core, such as 2.21; without one, that of .venv")
    verb.add_argument("--host", default="", help="a lab host that does it, for a version that needs a newer Python")
    verb.set_defaults(verb=lambda options: sanity.sanity(options.versions, options.host))

    verb = verbs.add_parser(
        "corpus", help="deploy applications that others wrote, use them, and change their releases under load"
    )
    verb.add_argument(
        "applications", nargs="*", metavar="APPLICATION", help="as the folders of lab/corpus/applications are called"
    )
    verb.set_defaults(verb=lambda options: _corpus(options.applications))

    _add_demo_verbs(verbs)
    return parser


def _add_demo_verbs(verbs: Verbs) -> None:
    verb = verbs.add_parser("demo", help="bring up the demo, or let it grow from one server to a cluster")
    verb.add_argument("topology", nargs="?", default="", help=f"{' or '.join(demo.TOPOLOGIES)}; without one, what there is")
    verb.set_defaults(verb=lambda options: demo.demo(options.topology))

    verb = verbs.add_parser("deploy", help="deploy a new edition of the demo, or a version by name")
    verb.add_argument("version", nargs="?", default="")
    verb.set_defaults(verb=lambda options: demo.deploy(options.version))

    verb = verbs.add_parser("rollback", help="return the demo to the previous release, or to a named one")
    verb.add_argument("release", nargs="?", default="")
    verb.set_defaults(verb=lambda options: demo.rollback(options.release))

    verb = verbs.add_parser("status", help="show how the demo does")
    verb.set_defaults(verb=lambda options: demo.status())

    verb = verbs.add_parser("url", help="print the demo's address")
    verb.set_defaults(verb=lambda options: demo.url())

    verb = verbs.add_parser("clean", help="remove the lab hosts of this checkout")
    verb.add_argument("--caches", action="store_true", help="and the lab's images and volumes")
    verb.set_defaults(verb=_clean)


def _add_inventory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inventory", help="a folder, or the name of one in inventories/")
    parser.add_argument("--prefix", default="", help="keeps these hosts' names apart from others'")


def _corpus(applications: Sequence[str]) -> int:
    # It needs the load generator of the tests, which the other verbs do without.
    from lab.corpus import proof

    return proof.corpus(applications)


def _up(options: argparse.Namespace) -> None:
    lab = open_lab(options.inventory, options.prefix)
    bring_up(lab, options.suite, options.image)
    sys.stdout.write(f"\n  ansible-playbook -i {options.inventory} -i {lab.overlay} playbooks/site.yml\n")


def _down(options: argparse.Namespace) -> None:
    gone = hosts.remove(open_lab(options.inventory, options.prefix)) if docker.answers() else []
    sys.stdout.write(f"Removed {', '.join(gone)}.\n" if gone else "Nothing to remove.\n")


def _clean(options: argparse.Namespace) -> None:
    demo.clean(caches=options.caches)


def _ps(options: argparse.Namespace) -> None:
    known = hosts.hosts() if docker.answers() else []
    if not known:
        sys.stdout.write("No lab hosts.\n")
    for host in known:
        sys.stdout.write(f"{host.container:32} {host.suite:9} {host.state:9} {host.address:14} {host.url}\n")


def _restart(options: argparse.Namespace) -> None:
    host = hosts.find(options.host)
    with step(f"Restart {host.container}"):
        hosts.restart(host)


def _exec(options: argparse.Namespace) -> int:
    terminal = ["--interactive", "--tty"] if sys.stdin.isatty() else ["--interactive"]
    return hand_over(["docker", "exec", *terminal, hosts.find(options.host).container, *options.command])
