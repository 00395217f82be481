"""What a process is: its inputs, its outputs, and where its code lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

type JSON = Any
"""A JSON value: None, bool, int, float, str, list or dict with str keys."""

type Shorthand = Literal["raster", "netcdf", "features", "bbox"]
"""The words that ``schema`` may be instead of a JSON Schema."""

type Mode = Literal["sync", "async"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """A declared input (OGC 18-062r2, inputDescription)."""

    id: str
    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    metadata: tuple[Mapping[str, JSON], ...] = ()
    schema: Mapping[str, JSON]
    """JSON Schema with the OGC fields, shorthands expanded."""
    shorthand: Shorthand | None = None
    """The word the author wrote for ``schema``, if it was one."""
    min_occurs: int = 1
    max_occurs: int | None = 1
    """Inclusive; None is "unbounded"."""
    inner_files: bool = False
    """Whether texts within the value that its schema calls binary are files too: each a URL or base64."""
    may_be_empty: bool = False
    """Whether an empty list is a value, though the input is required (a PESTO project's list of images)."""

    @property
    def repeatable(self) -> bool:
        """Whether more than one value may be given."""
        return self.max_occurs is None or self.max_occurs > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """A declared output (OGC 18-062r2, outputDescription)."""

    id: str
    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    metadata: tuple[Mapping[str, JSON], ...] = ()
    schema: Mapping[str, JSON]
    """JSON Schema with the OGC fields, shorthands expanded."""
    shorthand: Shorthand | None = None
    """The word the author wrote for ``schema``, or for that of an item, if it was one."""
    repeatable: bool = False
    """Whether it was declared with ``maxOccurs`` above 1: ``schema`` is that of the list, and an item may be a file."""

    @property
    def item(self) -> OutputSpec:
        """What one item of a repeatable output is declared as; of any other output, itself."""
        return replace(self, schema=self.schema["items"], repeatable=False) if self.repeatable else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Where the code of a process lies and what it runs under: all that a worker needs.

    Equal runtimes share workers, so it can be a key: its options are never changed.
    """

    form: str
    """Name of the form of package, which knows how to load it: ``native``, ``pesto``, ``processor``."""
    folder: str = ""
    """The package's folder, or a copy of it (absolute); empty for a form that has none."""
    entry: str = ""
    """Its code, ``module:attribute`` within the folder; empty where the form has no such thing."""
    options: Mapping[str, JSON] = field(default_factory=dict)
    """What the form was told besides the folder, as JSON would give it back: lists, no tuples."""
    digest: str = ""
    """Hash of the package's files; a worker belongs to one version of them for life."""
    source: str = ""
    """The package's own folder (absolute), where ``folder`` is a copy of it; else empty."""
    memory_limit: int | None = None
    """Bytes of data segment (RLIMIT_DATA); None is no limit."""
    stop_seconds: float | None = None
    """That it has to clean up in when its job is ended from outside; None: none, and it is killed at once."""

    def __hash__(self) -> int:
        return hash((self.form, self.folder, self.entry, self.digest, self.memory_limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One packaged algorithm, or a foreign processor, as every dialect sees it."""

    id: str
    version: str
    title: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    links: tuple[Mapping[str, JSON], ...] = ()
    metadata: tuple[Mapping[str, JSON], ...] = ()
    inputs: Mapping[str, InputSpec]
    """In the declared order."""
    outputs: Mapping[str, OutputSpec]
    """In the declared order."""
    modes: tuple[Mode, ...] = ("sync", "async")
    timeout: float | None = None
    """Seconds that one run may take; None is no limit."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Advice to whoever deploys it: cpu (cores), ram (GiB), gpu (cards)."""
    config: Mapping[str, JSON] = field(default_factory=dict)
    """Handed to the algorithm as ``context.config``; may hold secrets, and is shown to nobody as a whole."""
    config_schema: Mapping[str, JSON] = field(default_factory=dict)
    """JSON Schema of ``config``, which may be shown, with the values of properties that it marks ``x-public``."""
    dialects: Mapping[str, JSON] = field(default_factory=dict)
    """Hints for single dialects, by dialect name."""
    takes_undeclared: bool = False
    """Whether inputs that it does not declare are handed to it as they were sent, as pygeoapi hands them on."""
    more: Mapping[str, JSON] = field(default_factory=dict)
    """Members of its description beyond the standard's, as its author wrote them."""
    outputs_checked: bool = True
    """Whether a run fails unless each output is what its schema says; else no client may rely on that."""
    example: Mapping[str, JSON] | None = None
    """A request that a client may send as it is: ``{"inputs": {...}}``; None where none is self-contained."""
    runtime: Runtime
