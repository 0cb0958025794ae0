"""A visitor of what roles alone have brought up: any application behind nginx."""

from __future__ import annotations

import textwrap

from testinfra.host import Host

ASK = textwrap.dedent(
    """
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", timeout=20)
    try:
        connection.request("GET", "/", headers={{"Host": "{name}"}})
        answer = connection.getresponse()
        print(answer.status, answer.read().decode())
    except ConnectionError:
        print("closed")
    """
)


def ask(host: Host, name: str) -> str:
    """Ask the web server for a site, and return the status and the page, or what went wrong."""
    done = host.run(f"python3 - <<'END'\n{ASK.format(name=name)}\nEND")
    return str(done.stdout + done.stderr).strip()


def test_a_visitor_gets_the_application(host: Host) -> None:
    assert ask(host, "hello.example.org") == "200 Hello from the application"


def test_a_name_that_no_site_has_gets_no_answer(host: Host) -> None:
    assert ask(host, "other.example.org") == "closed"
