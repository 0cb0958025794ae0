# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Prometheus on this host says of a site."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

ADDRESS = "http://127.0.0.1:9090"
SECONDS = 10.0
UNIT = "hotclub-prometheus.service"


def look_at_alerts(site: str, status: dict[str, Any], address: str = ADDRESS) -> None:
    """Say which of the site's alerts fire, and which hosts are not heard of."""
    try:
        alerts, targets = (
            _ask(f"{address}/api/v1/alerts")["alerts"],
            _ask(f"{address}/api/v1/targets?state=active")["activeTargets"],
        )
    except (OSError, ValueError, KeyError) as error:
        status["problems"].append(f"Prometheus gives no answer ({error}): journalctl -u {UNIT}")
        return
    firing = [
        alert
        for alert in alerts
        if alert["state"] == "firing" and alert["labels"].get("site") == site and alert["labels"].get("severity") != "info"
    ]
    status["problems"] += sorted(_said(alert) for alert in firing)
    ours = [target for target in targets if target["labels"].get("site") == site]
    status["metrics"] = {"hosts": len(ours), "heard": sum(target["health"] == "up" for target in ours)}


def _said(alert: dict[str, Any]) -> str:
    said = alert["annotations"].get("summary") or alert["labels"]["alertname"]
    return f"{said}: {alert['labels']['alertname']} of Prometheus"


def _ask(url: str) -> dict[str, Any]:
    # Past any proxy that the host's environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=SECONDS) as answer:
        said = json.load(answer)["data"]
    if not isinstance(said, dict):
        raise ValueError("not what its interface promises")
    return said
