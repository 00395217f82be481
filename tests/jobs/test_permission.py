"""Who may execute what."""

from __future__ import annotations

import pytest

from dragoman.config.auth import ExecuteRule
from dragoman.errors import InsufficientScope
from dragoman.jobs.permission import check_permission
from dragoman.model.principal import Principal

RULES = {
    "ndvi": ExecuteRule(roles=("analyst", "boss")),
    "reproject": ExecuteRule(scopes=("geo.run", "geo.write")),
    "both": ExecuteRule(roles=("analyst",), scopes=("geo.run",)),
    "free": ExecuteRule(),
}


def principal(*words: str, admin: bool = False) -> Principal:
    """Roles, and scopes: those with a dot in them."""
    scopes = frozenset(word for word in words if "." in word)
    return Principal(id="alice", roles=frozenset(words) - scopes, scopes=scopes, admin=admin)


@pytest.mark.parametrize(
    ("process", "words", "allowed"),
    [
        ("ndvi", ("analyst",), True),
        ("ndvi", ("boss",), True),
        ("ndvi", ("guest", "geo.run"), False),
        ("reproject", ("geo.run", "geo.write"), True),
        ("reproject", ("geo.run",), False),
        ("both", ("analyst",), False),
        ("both", ("geo.run",), False),
        ("both", ("analyst", "geo.run"), True),
        ("free", (), True),
        ("echo", (), True),
    ],
)
def test_one_of_the_roles_and_all_of_the_scopes(process: str, words: tuple[str, ...], allowed: bool) -> None:
    if allowed:
        check_permission(RULES, process, principal(*words))
        return
    with pytest.raises(InsufficientScope, match=f"executing '{process}' takes") as raised:
        check_permission(RULES, process, principal(*words))
    assert raised.value.scopes == RULES[process].scopes


def test_the_star_stands_for_what_is_not_named() -> None:
    rules = {**RULES, "*": ExecuteRule(roles=("boss",))}
    check_permission(rules, "free", principal())
    check_permission(rules, "echo", principal("boss"))
    for other in (principal("analyst"), principal("admin", admin=True)):
        with pytest.raises(InsufficientScope, match="the role boss"):
            check_permission(rules, "echo", other)
