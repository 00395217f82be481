"""Answers held to one of the API documents that the repository carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from harness import REPOSITORY
from openapi_schema_validator import OAS30Validator

if TYPE_CHECKING:
    from werkzeug.test import TestResponse


class ApiDocument:
    """``openapi/<dialect>.yml``."""

    def __init__(self, dialect: str) -> None:
        text = (REPOSITORY / "openapi" / f"{dialect}.yml").read_text("utf-8")
        self.data: dict[str, Any] = yaml.safe_load(text)

    def check(self, response: TestResponse, path: str) -> None:
        """Assert that the answer is one that the document tells of for ``path``; of others only 404 is right."""
        method = "get" if response.request.method == "HEAD" else response.request.method.lower()
        item = self._item(path)
        if response.request.method == "OPTIONS":  # CORS, which no document tells of
            return
        if response.status_code == 405:
            assert item is None or method not in item
            return
        if item is None:
            assert response.status_code in (401, 404), f"{path} is not documented"
            return
        if response.status_code == 401 and method not in item:  # who has no token is not told what there is
            return
        assert method in item, f"{method} {path} is not documented"
        status = response.status_code
        assert str(status) in item[method]["responses"], f"{method} {path}: {status} is not documented"
        self._check_content(response, item[method]["responses"][str(status)])

    def schema_of(self, response: TestResponse, path: str) -> dict[str, Any]:
        """The schema of an answer, whose path and status are documented; empty where it says nothing."""
        item = self._item(path)
        assert item is not None, f"{path} is not documented"
        answer = self._answer(item[response.request.method.lower()]["responses"][str(response.status_code)])
        schema: dict[str, Any] = answer["content"].get(response.mimetype or "", {}).get("schema", {})
        return schema

    def _answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """An answer, its reference followed."""
        if "$ref" not in answer:
            return answer
        referred: dict[str, Any] = self.data["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        return referred

    def _item(self, path: str) -> dict[str, Any] | None:
        paths: dict[str, dict[str, Any]] = self.data["paths"]
        if path in paths:
            return paths[path]
        return next((item for template, item in paths.items() if _fits(template, path)), None)

    def _check_content(self, response: TestResponse, answer: dict[str, Any]) -> None:
        answer = self._answer(answer)
        if response.status_code in (204, 304):
            return
        media_type = response.mimetype or ""
        assert media_type in answer["content"] or "*/*" in answer["content"]
        if not media_type.endswith("json") or response.request.method == "HEAD":
            return
        schema = answer["content"].get(media_type, {}).get("schema", {})
        whole = {"allOf": [schema], "components": self.data["components"]}
        errors = [error.message for error in OAS30Validator(whole).iter_errors(response.json)]
        assert not errors, errors


def _fits(template: str, path: str) -> bool:
    known, sent = template.split("/"), path.split("/")
    return len(known) == len(sent) and all(
        name in (part, f"{{{name[1:-1]}}}") for name, part in zip(known, sent, strict=True)
    )
