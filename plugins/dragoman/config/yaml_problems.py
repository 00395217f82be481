"""What is wrong with a YAML text, with its line: in one form, whoever found it; and keys that stand twice."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml

from dragoman.config.yaml_limits import TOO_DEEP

if TYPE_CHECKING:
    from collections.abc import Iterator


class YamlProblem(Exception):
    """The text cannot be read; ``problem`` is one line."""

    def __init__(self, line: int, problem: str) -> None:
        self.line = line
        """From 1; the first where that is not known."""
        self.problem = problem
        super().__init__(f"line {line}: {problem}")


@contextmanager
def yaml_problems() -> Iterator[None]:
    """Raise YamlProblem for whatever PyYAML raises within, in composing nodes or in making values of them."""
    try:
        yield
    except RecursionError as error:
        raise YamlProblem(1, TOO_DEEP) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: 2024-13-45 is no date
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "context", None) or error
        raise YamlProblem(mark.line + 1 if mark else 1, " ".join(str(problem)[:300].split())) from error


def repeated_key(node: yaml.MappingNode) -> tuple[yaml.ScalarNode, int] | None:
    """The first key that stands there for a second time, and the line of the first; merges (``<<``) are no keys."""
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            continue
        identity = (key.tag, key.value)
        if identity in lines:
            return key, lines[identity]
        lines[identity] = key.start_mark.line + 1
    return None
