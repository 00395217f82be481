"""What is no expression is refused with its column and what is allowed there, and costs nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.expressions.nodes import Literal, names
from dragoman.expressions.parsing import ExpressionError, parse


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "column 1: the expression ends too early; allowed: + -, a number,"),
        ("x +", "column 4: the expression ends too early; allowed: + -, a number,"),
        ("x $ 3", "column 3: '$' is no part of the language; allowed: or, and, == <= >= < >, + -,"),
        ("x != 3", "column 3: '!' is no part of the language; allowed:"),
        ("x y", "column 3: 'y' is not expected; allowed: or, and,"),
        ("x.real", "column 2: '.' is no part of the language; allowed:"),
        ("x = 3", "column 3: '=' is no part of the language; allowed:"),
        ("lambda: 0", "column 7: ':' is no part of the language; allowed:"),
        ("__import__('os')", "column 1: there is no function __import__(); allowed: abs, ceil,"),
        ("x + sqrt(x)", "column 5: there is no function sqrt(); allowed: abs, ceil,"),
        ("max + 1", "column 1: max is a function; allowed: max(...)"),
        ("mask(x)", "column 1: mask() takes 2 arguments, not 1"),
        ("abs(x, 1)", "column 1: abs() takes 1 argument, not 2"),
        ("min()", "column 1: min() takes 1 or 2 arguments, not 0"),
        ("1 / 0 + x", "column 3: a division by zero"),
        ("'a' * 1000000000", "column 5: * does not work on texts; allowed: =="),
        ("x + 9**9**9**9", "column 9: the result of ** is too large for a number"),
        ("10.0 ** 400", "column 6: the result of ** is too large for a number"),
        ("(-8) ** 0.5", "column 6: the result of ** is no finite, real number"),
        ("-" * 500 + "x", "column 401: the expression is nested more than 100 deep"),
        ("(" * 10**5 + "x" + ")" * 10**5, "the expression has 200001 characters; at most 2000 are read"),
        ("1" * 1999 + "1*x", "the expression has 2002 characters"),
        ("x[", "column 3: the expression ends too early"),
        ("'abc", 'column 1: "\'" is no part of the language; allowed:'),
    ],
)
def test_what_is_no_expression(text: str, problem: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert error.value.detail.startswith(problem)


@given(st.text(max_size=60) | st.text("xyz01.+-*/%()[]<>=&|'\" maxind,", max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except ExpressionError as error:
        assert "\n" not in error.detail.replace(text, "")  # noqa: PT017  # either end will do


def test_variables_come_in_alphabetical_order() -> None:
    assert names(parse("y - x + max(b) * true")) == ("b", "x", "y")
    assert names(parse("orx + android")) == ("android", "orx")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2**3**2", 512),
        ("-2**2", -4),
        ("2**-1", 0.5),
        ("1 > 2 == False", True),
        ("true or true and false", True),
        ("2**62 * 4", 2.0**64),
        ("1e3", 1000.0),
        (".5 + 1.", 1.5),
        ("7 % 4 * 2", 6),
        ("'a' == \"a\"", True),
        ("TRUE and 3", 3),
    ],
)
def test_constants_are_calculated_at_once(text: str, value: object) -> None:
    node = parse(text)
    assert isinstance(node, Literal)
    assert node.value == value
    assert type(node.value) is type(value)
