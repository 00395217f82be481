"""A map service is a URL like any other in a PESTO payload."""

from __future__ import annotations

import pytest

from dragoman.packages.pesto.references import href_of


@pytest.mark.parametrize(
    "text", ["service://a/b:c@5", "SERVICE://a", "https://example.org/a.tif", "s3://b/k"]
)
def test_a_url_stays_as_it_is(text: str) -> None:
    assert href_of(text) == text


@pytest.mark.parametrize("text", ["service:/a", "services://a", "ftp://a", "aGVsbG8="])
def test_what_is_none_is_none(text: str) -> None:
    assert href_of(text) is None
