"""Who may execute what, as ``auth.execute`` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.config.auth import EVERY_PROCESS
from dragoman.errors import InsufficientScope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.config.auth import ExecuteRule
    from dragoman.model.principal import Principal


def check_permission(rules: Mapping[str, ExecuteRule], process_id: str, principal: Principal) -> None:
    """Raise InsufficientScope unless the principal has one of the roles and all of the scopes that are asked for.

    A process without a rule of its own has that of EVERY_PROCESS; without that, everybody may execute it.
    """
    rule = rules.get(process_id) or rules.get(EVERY_PROCESS)
    if rule is None:
        return
    if rule.roles and principal.roles.isdisjoint(rule.roles):
        needed = (
            f"the role {rule.roles[0]}"
            if len(rule.roles) == 1
            else f"one of the roles {', '.join(rule.roles)}"
        )
        raise InsufficientScope(f"executing '{process_id}' takes {needed}", scopes=rule.scopes)
    lacking = [scope for scope in rule.scopes if scope not in principal.scopes]
    if lacking:
        raise InsufficientScope(
            f"executing '{process_id}' takes a token with the scope {', '.join(lacking)}", scopes=rule.scopes
        )
