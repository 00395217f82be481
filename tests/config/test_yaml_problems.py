"""What is wrong with a YAML text, for configuration and packages alike."""

from __future__ import annotations

import pytest
import yaml

from dragoman.config.yaml_problems import YamlProblem, repeated_key, yaml_problems


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: [1,\nb: {", 2, "expected"),
        ("a:\n  b: 2024-13-45", 1, "month must be in 1..12"),
        ("a: !!python/object:os.system x", 1, "could not determine a constructor"),
        ("a: \x01", 1, "special characters are not allowed"),
    ],
)
def test_a_problem_is_one_line_with_its_place(text: str, line: int, problem: str) -> None:
    with pytest.raises(YamlProblem, match=problem) as caught, yaml_problems():
        yaml.safe_load(text)
    assert caught.value.line == line
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", ("a", 1)),
        ("a: 1\n'a': 3", ("a", 1)),
        ("1: 1\n'1': 3", None),
        ("a: &x {k: 1}\n<<: *x\nb: 1\n", None),
        ("? [a]\n: 1\n? [a]\n: 2", None),
    ],
)
def test_a_key_that_stands_twice_is_found(text: str, expected: tuple[str, int] | None) -> None:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)
    repeated = repeated_key(node)
    assert (repeated and (repeated[0].value, repeated[1])) == expected
