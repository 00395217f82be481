"""A program that runs one process: a plan of what it does, rendered in a language."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dragoman.codegen import literals
from dragoman.codegen.long_values import without_long_values

if TYPE_CHECKING:
    from jinja2 import Environment

    from dragoman.codegen.languages import Language
    from dragoman.config.auth import OidcSettings
    from dragoman.model.process import JSON

HERE: Final = Path(__file__).parent
UMA_TICKET: Final = "urn:ietf:params:oauth:grant-type:uma-ticket"
"""The grant by which Keycloak, and CCP with it, exchanges a token for one of an audience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a program comes by a token."""

    issuer: str
    """Its discovery document names the token endpoint."""
    client_id: str = ""
    """The public client that users log in by; empty: the user names one."""
    scopes: tuple[str, ...] = ()
    audience: str = ""
    """Whom tokens are for: a token is exchanged for one of the audience where the issuer can (UMA); empty: never."""

    @staticmethod
    def by(oidc: OidcSettings | None) -> Login | None:
        """As the server is told; None where nobody is authenticated."""
        if oidc is None:
            return None
        audience = next(iter(oidc.audience), "")
        return Login(issuer=oidc.issuer, client_id=oidc.client_id, scopes=oidc.scopes, audience=audience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a program does."""

    process_id: str
    title: str
    """The process's, in words; for a comment."""
    execution_url: str
    """Where the request is sent."""
    request: JSON
    """The execute request, an object."""
    login: Login | None = None
    """None: without a token."""
    job_id: str = ""
    """The job whose request it repeats; empty: none."""

    def file_name(self, language: Language) -> str:
        """What to call the program: ``ndvi.py``, or ``ndvi-1b4e28ba.py`` for a job."""
        name = re.sub(r"[^A-Za-z0-9._-]", "_", self.process_id).lstrip(".-") or "process"
        return f"{name}{'-' if self.job_id else ''}{self.job_id[:8]}{language.suffix}"


def render(language: Language, plan: Plan) -> str:
    """The program's text. What no program can hold in its lines is read from files beside it."""
    if language.id == "jupyter":
        from dragoman.codegen.notebook import notebook

        return notebook(plan, _steps(language, plan))
    return "\n".join(step.rstrip("\n") + "\n" for _, step in _steps(language, plan))


STEPS: Final = ("opening", "request", "token", "call", "submit", "poll", "download")
"""The parts of every program, one template each; ``token`` is there where the server asks for one."""


def _steps(language: Language, plan: Plan) -> list[tuple[str, str]]:
    """The parts of a program by their names; a notebook is made of Python's."""
    notebook = language.id == "jupyter"
    folder = "python" if notebook else language.id
    request, long_values = without_long_values(plan.request)
    context: dict[str, Any] = {
        "plan": plan,
        "login": plan.login,
        "uma": UMA_TICKET,
        "request": request,
        "long_values": long_values,
        "exact": literals.exact_in_javascript(request),
        "notebook": notebook,
        "file": plan.file_name(language),
    }
    names = [name for name in STEPS if plan.login is not None or name != "token"]
    return [(name, _environment().get_template(f"{folder}/{name}.j2").render(context)) for name in names]


@cache
def _environment() -> Environment:
    """The templates, and what writes values into them; nothing else may."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        autoescape=False,
    )
    environment.filters |= {
        "comment": literals.comment,
        "json_text": literals.json_text,
        "json_line": json.dumps,
        "python_path": partial(literals.path, literal=literals.python),
        "javascript_path": partial(literals.path, literal=literals.javascript),
        "julia_path": partial(literals.path, literal=literals.julia, first=1),
        "python": literals.python,
        "javascript": literals.javascript,
        "julia": literals.julia,
        "r": literals.r,
        "r_raw": literals.r_raw,
        "bash": literals.bash,
    }
    return environment
