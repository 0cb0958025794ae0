"""Somebody who has logged in at Django's own admin pages, with the cookies of a browser."""

from __future__ import annotations

import http.cookies
import secrets
import time
from email.message import Message

from tests.behaviour.kit.operator import Playbook, Run
from tests.behaviour.kit.sites import Site

LOGIN = "/admin/login/"
# Often enough to meet each host of a fleet at each step of a run.
SECONDS_BETWEEN_LOOKS = 0.4


class Administrator:
    def __init__(self, site: Site, name: str, password: str) -> None:
        self.site, self._name, self._password = site, name, password
        self.cookies: dict[str, str] = {}
        scheme = site.app.run(f"sed -n 's/^SITE_SCHEME=\"\\(.*\\)\"$/\\1/p' {site.root}/etc/environment")
        self._referer = f"{scheme}://{site.domain}{LOGIN}"
        self._keep(site.visitor.get(LOGIN).headers)
        form = {"username": name, "password": password, "csrfmiddlewaretoken": self.cookies["csrftoken"]}
        answer = site.visitor.post(LOGIN, form, headers=self._headers())
        assert answer.status == 302, answer
        self._keep(answer.headers)
        assert self.is_logged_in()

    @classmethod
    def made(cls, site: Site, name: str) -> Administrator:
        """One whose account is made now."""
        password = secrets.token_urlsafe(12)
        given = {"DJANGO_SUPERUSER_USERNAME": name, "DJANGO_SUPERUSER_EMAIL": "", "DJANGO_SUPERUSER_PASSWORD": password}
        site.database.rows(f"DELETE FROM auth_user WHERE username = '{name}'")
        site.play("manage", manage_command="createsuperuser --noinput", manage_environment=given).must_succeed()
        return cls(site, name, password)

    def in_another_browser(self) -> Administrator:
        return Administrator(self.site, self._name, self._password)

    def is_logged_in(self) -> bool:
        answer = self.site.visitor.get("/admin/", headers=self._headers())
        self._keep(answer.headers)
        assert answer.status in (200, 302), answer
        return answer.status == 200

    def stays_during(self, playbook: Playbook) -> Run:
        """Look at pages all the time while a playbook runs."""
        while playbook.running:
            assert self.is_logged_in(), f"{self._referer}: logged out during {playbook.kill()}"
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return playbook.wait()

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), "Referer": self._referer}

    def _keep(self, headers: Message) -> None:
        for line in headers.get_all("Set-Cookie", []):
            self.cookies.update({name: morsel.value for name, morsel in http.cookies.SimpleCookie(line).items()})
