"""A fleet whose hosts have installed different packages for one release."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.filter.package_differences import package_differences


def release(python: str = "3.13.5", locked: bool = False, **packages: str) -> dict[str, Any]:
    return {"python": python, "locked": locked, "packages": packages}


def test_a_difference_names_the_package_its_versions_and_the_hosts() -> None:
    found = package_differences(
        {
            "app1": release(django="5.2.1", pillow="11.0.0"),
            "app2": release(django="5.2.1", pillow="11.1.0"),
            "app3": release(django="5.2.1", pillow="11.1.0", other="1"),
        }
    )
    assert found == ["pillow: 11.0.0 on app1, 11.1.0 on app2 and app3"]


def test_what_a_lock_says_and_what_another_python_needs_is_no_difference() -> None:
    assert package_differences({"app1": release(locked=True, numpy="2.2"), "app2": release(locked=True, numpy="2.3")}) == []
    assert package_differences({"app1": release("3.11.2", numpy="2.2"), "app2": release("3.13.5", numpy="2.3")}) == []
    # Built by an earlier version, which noted neither.
    assert package_differences({"app1": {"id": "x"}, "app2": {"id": "x"}}) == []


def test_a_commit_is_the_same_for_every_interpreter() -> None:
    first, second = (release("3.11.2", widgets="git+https://x/w@1"), release("3.13.5", widgets="git+https://x/w@2"))
    assert package_differences({"app1": first, "app2": second}) == [
        "widgets: git+https://x/w@1 on app1, git+https://x/w@2 on app2"
    ]
