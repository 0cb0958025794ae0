# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All steps by name, each read only when it is taken."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Step
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble

if TYPE_CHECKING:
    # Never run: Ansible sends a host what it finds imported, wherever in a file.
    from ansible_collections.hotclub.django.plugins.module_utils.steps import (  # noqa: F401
        acme_certificate,
        address_handover,
        administrators,
        balancer_checks,
        balancer_drain,
        balancer_watch,
        etcd_member,
        firewall,
        host_certificates,
        host_files,
        look,
        manage,
        media_move,
        nginx_service,
        os_settings,
        packages,
        postgresql_backups,
        postgresql_departure,
        postgresql_diagnosis,
        postgresql_dump,
        postgresql_handover,
        postgresql_restore,
        postgresql_server,
        postgresql_sharing,
        postgresql_switchover,
        postgresql_upgrade,
        postgresql_view,
        release_build,
        release_finish,
        release_lock,
        release_migrate,
        release_state,
        release_static,
        release_switch,
        reloaded_service,
        replaced_code,
        secret_fingerprints,
        site_commands,
        site_departure,
        site_hold,
        site_logs,
        site_pools,
        site_status,
        site_timer,
        site_uploads,
        site_watch,
        site_workers,
        ssh_server,
        system_accounts,
        uploads_backup,
        uv,
    )

STEPS = "ansible_collections.hotclub.django.plugins.module_utils.steps"


def step_of(name: str) -> Step:
    """Return a step by its name.

    :raises Trouble: there is no such step.
    """
    try:
        return cast(Step, importlib.import_module(f"{STEPS}.{name}"))
    except ModuleNotFoundError as error:
        raise Trouble(f"There is no step {name!r} in this collection.") from error
