# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What single variables must mean, beyond what an argument spec can say."""

from __future__ import annotations

import re

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.administrators import check_administrators
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.alerts import (
    check_alert_urls,
    check_heartbeat_url,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.background import check_timers, check_workers
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.domains import (
    check_address,
    check_addresses,
    check_aliases,
    check_domain,
    check_domain_or_nothing,
    check_email,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Rule, form
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.names import (
    MODULE_NAME,
    check_application,
    check_identifier,
    check_settings_module,
    check_site_name,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.network import (
    check_allowed,
    check_networks,
    check_not_nobody,
    check_server,
    check_virtual_addresses,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.packages import (
    check_audit_ignored,
    check_index_url,
    check_packages,
    check_requirements,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.paths import (
    check_absolute_path,
    check_local_file,
    check_media_path,
    check_plain_path,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.secret_values import (
    check_fallbacks,
    check_not_empty,
    check_secret_key,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.settings import (
    check_batch,
    check_env,
    check_kernel_settings,
    check_setting_names,
    check_settings,
    check_tier_counts,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.source import (
    check_deploy_key,
    check_deploy_keys,
    check_inner_path,
    check_inner_paths,
    check_signing_keys,
    check_source,
    check_version,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.web import (
    check_day,
    check_directory_url,
    check_dns_plugin,
    check_hash_key,
    check_inner_url_folders,
    check_pattern,
    check_statuses,
    check_url_folder,
    check_url_path,
    check_web_address,
)

BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
PYTHON_VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
TOOL_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*([a-z]+[0-9]+)?")
SHA256 = re.compile(r"[0-9a-f]{64}")
LOCALE = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]*")
TIMEZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|now")
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,14}")
PACKAGE_PATTERN = re.compile(r"[A-Za-z0-9.^][A-Za-z0-9.+*?^$|()\[\]-]*")
RULES: dict[str, Rule] = {
    "private_address": check_address,
    "site_name": check_site_name,
    "site_domain": check_domain,
    "site_aliases": check_aliases,
    "site_source": check_source,
    "site_version": check_version,
    "site_deploy_key": check_deploy_key,
    "site_submodule_deploy_keys": check_deploy_keys,
    "site_source_signing_keys": check_signing_keys,
    "site_project_path": check_inner_path,
    "site_requirements_file": check_inner_path,
    "site_shared_paths": check_inner_paths,
    "site_settings_module": check_settings_module,
    "site_application": check_application,
    "site_static_url": check_url_folder,
    "site_media_url": check_url_folder,
    "site_media_private_paths": check_inner_url_folders,
    "site_audit_service_url": check_index_url,
    "site_audit_ignored": check_audit_ignored,
    "site_env": check_env,
    "site_workers": check_workers,
    "workers_programs": check_workers,
    "site_timers": check_timers,
    "workers_timers": check_timers,
    "workers_writable_paths": check_plain_path,
    "site_alert_urls": check_alert_urls,
    "watch_alert_urls": check_alert_urls,
    "site_heartbeat_url": check_heartbeat_url,
    "watch_heartbeat_url": check_heartbeat_url,
    "site_secrets_path": check_absolute_path,
    "site_authority_path": check_absolute_path,
    "site_database_authority_path": check_absolute_path,
    "site_secret_key": check_secret_key,
    "site_authority_passphrase": check_not_empty,
    "site_secret_key_fallbacks": check_fallbacks,
    "site_database_password": check_not_empty,
    "site_database_server": check_server,
    "site_database_ca_path": check_local_file,
    "site_backup_passphrase": check_not_empty,
    "site_cache_password": check_not_empty,
    "site_broker_password": check_not_empty,
    "site_database_name": check_identifier,
    "site_database_user": check_identifier,
    "site_balance_hash_key": check_hash_key,
    "site_deploy_batch": check_batch,
    "site_minimum_hosts": check_tier_counts,
    "site_administrators": check_administrators,
    "ssh_administrators": check_administrators,
    "site_virtual_addresses": check_virtual_addresses,
    "nginx_media_private_paths": check_inner_url_folders,
    "nginx_canonical_name": check_domain_or_nothing,
    "nginx_trusted_proxies": check_networks,
    "nginx_static_hashed_pattern": check_pattern,
    "gunicorn_worker_class": form(MODULE_NAME, "not a kind of worker", "Write for example sync, gthread or asgi."),
    "gunicorn_writable_paths": check_plain_path,
    "gunicorn_settings": check_setting_names,
    "keepalived_interface": form(INTERFACE, "not the name of a network device", "Write for example eth0."),
    "os_packages": check_packages,
    "os_locale": form(LOCALE, "not a locale", "Write for example C.UTF-8 or de_CH.UTF-8."),
    "os_timezone": form(TIMEZONE, "not a time zone", "Write for example Etc/UTC or Europe/Zurich."),
    "os_time_servers": check_addresses,
    "os_sysctl": check_kernel_settings,
    "os_security_updates_excluded": form(PACKAGE_PATTERN, "not the name of a package", "Write for example postgresql-.*"),
    "nginx_hsts_since": check_day,
    "site_tls_hsts_since": check_day,
    "os_security_updates_reboot_time": form(TIME_OF_DAY, "not a time of day", 'Write for example "03:30", or now.'),
    "postgresql_version": form(TOOL_VERSION, "not a version", 'Write for example "17".'),
    "postgresql_packages": check_packages,
    "postgresql_settings": check_settings,
    "python_version": form(PYTHON_VERSION, "not a version of Python", 'Write for example "3.12".'),
    "python_uv_version": form(TOOL_VERSION, "not a version", "Write for example 0.13.9."),
    "python_uv_hashes": form(SHA256, "not a SHA-256", "Write 64 hexadecimal digits, as the package index shows them."),
    "python_build_packages": check_packages,
    "python_index_url": check_index_url,
    "python_mirror_url": check_index_url,
    "firewall_allowed": check_allowed,
    "firewall_ssh_sources": check_not_nobody,
    "site_maintenance_allowed_addresses": check_networks,
    "site_packages": check_packages,
    "site_build_packages": check_packages,
    "site_python_packages": check_requirements,
    "site_media_path": check_media_path,
    "site_media_s3_endpoint_url": check_web_address,
    "site_media_s3_bucket": form(BUCKET, "not the name of a bucket", "Write 2 to 63 letters, digits and ._-"),
    "site_media_s3_region": form(REGION, "not a region", "Write letters, digits and dashes, for example eu-central-1."),
    "site_mail_host": check_address,
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
