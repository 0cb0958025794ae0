"""What Prometheus on a host says of a site."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.status.prometheus import look_at_alerts


def alert(name: str, state: str = "firing", **labels: str) -> dict[str, Any]:
    summary = f"{labels['host']} gives no metrics" if "host" in labels else ""
    labels = {"alertname": name, "site": "shop", "severity": "critical", **labels}
    return {"labels": labels, "annotations": {"summary": summary}, "state": state}


ANSWERS: dict[str, Any] = {
    "/api/v1/alerts": {
        "alerts": [
            alert("HostSilent", host="app2"),
            alert("HostSilent", host="app1", site="blog"),
            alert("MemoryShort", state="pending"),
            alert("HostHasTrouble", severity="info"),
            alert("Own"),
        ]
    },
    "/api/v1/targets?state=active": {
        "activeTargets": [
            {"labels": {"site": "shop"}, "health": "up"},
            {"labels": {"site": "shop"}, "health": "down"},
            {"labels": {"site": "blog"}, "health": "up"},
        ]
    },
}


class Prometheus(http.server.BaseHTTPRequestHandler):
    """Answers as Prometheus would."""

    def do_GET(self) -> None:
        body = json.dumps({"status": "success", "data": ANSWERS[self.path]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_alerts_of_the_site_that_fire_are_trouble_and_others_are_not(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    status: dict[str, Any] = {"problems": []}
    look_at_alerts("shop", status, address)
    assert status["problems"] == ["Own: Own of Prometheus", "app2 gives no metrics: HostSilent of Prometheus"]
    assert status["metrics"] == {"hosts": 2, "heard": 1}


def test_a_prometheus_that_gives_no_answer_is_trouble() -> None:
    status: dict[str, Any] = {"problems": []}
    look_at_alerts("shop", status, "http://127.0.0.1:9")
    [problem] = status["problems"]
    assert problem.startswith("Prometheus gives no answer (") and problem.endswith("journalctl -u hotclub-prometheus.service")
