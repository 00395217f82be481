"""Clients that openapi-generator makes from the served definition: made, compiled, and a session with each run.

Every session is called with two GeoTIFFs in base64, and prints what it saw as one line of JSON, the same members in
every language.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SESSIONS: Final = Path(__file__).parents[1] / "clients"
TYPESCRIPT: Final = "typescript@5.9.3"
TSC: Final = (
    "--strict",
    "--skipLibCheck",
    "--target",
    "es2020",
    "--module",
    "commonjs",
    "--lib",
    "es2020,dom",
)

type Run = Callable[..., str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How one client is made."""

    generator: tuple[str, ...]
    """Options of openapi-generator-cli; the first is the name of the generator."""
    needed: Mapping[str, str]
    """Commands beside java, and where each comes from."""
    build: Callable[[Path, Run], tuple[str | Path, ...]]
    """Compiles ``client`` in a folder with its session, and gives the command that runs it."""


def _java(library: str) -> Client:
    def build(folder: Path, run: Run) -> tuple[str | Path, ...]:
        client, jars = folder / "client", folder / "jars"
        for source in ("GeneratedSession.java", f"{library}/Own.java"):
            shutil.copy(SESSIONS / "java" / source, client / "src/main/java/org/openapitools/client")
        goals = ("compile", "dependency:build-classpath", f"-Dmdep.outputFile={jars}")
        run("mvn", "--quiet", "--batch-mode", "-DskipTests", *goals, folder=client)
        path = f"{client / 'target/classes'}:{jars.read_text().strip()}"
        return ("java", "-cp", path, "org.openapitools.client.GeneratedSession")

    needed = {"javac": "Debian: default-jdk-headless", "mvn": "Debian: maven"}
    return Client(generator=("java", "--library", library), needed=needed, build=build)


def _build_go(folder: Path, run: Run) -> tuple[str | Path, ...]:
    session, program = folder / "client" / "session", folder / "session"
    session.mkdir()
    shutil.copy(SESSIONS / "generated_session.go", session / "main.go")
    environment = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    run("go", "build", "-o", program, "./session", folder=folder / "client", **environment)
    return (program,)


def _build_typescript(folder: Path, run: Run) -> tuple[str | Path, ...]:
    shutil.copy(SESSIONS / "generated_session.ts", folder / "session.ts")
    (folder / "package.json").write_text("{}")
    run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", TYPESCRIPT, folder=folder)
    run("node_modules/.bin/tsc", *TSC, "--outDir", "built", "session.ts", folder=folder)
    return ("node", "built/session.js")


_NODE: Final = {"node": "Debian: nodejs", "npm": "Debian: npm"}

CLIENTS: Final[Mapping[str, Client]] = {
    "java-okhttp-gson": _java("okhttp-gson"),
    "java-native": _java("native"),
    "java-resttemplate": _java("resttemplate"),
    "go": Client(generator=("go",), needed={"go": "Debian: golang-go"}, build=_build_go),
    "typescript-fetch": Client(generator=("typescript-fetch",), needed=_NODE, build=_build_typescript),
}


def missing(client: Client) -> str:
    """Which command is not here, and where it comes from; empty if all are."""
    needed = {"java": "Debian: default-jre-headless", **client.needed}
    return "; ".join(
        f"{command} is not here; {origin}" for command, origin in needed.items() if not shutil.which(command)
    )
