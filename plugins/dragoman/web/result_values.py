"""What a file of a result is, read into a JSON document; for every dialect that sends results inside one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from dragoman.model.job import Output
from dragoman.model.process import JSON
from dragoman.schemas.media_types import kind_of
from dragoman.web.embedded_files import Base64File

if TYPE_CHECKING:
    from dragoman.jobs.service import JobService
    from dragoman.model.job import Job

type Load = Callable[[Output], JSON]
"""A file's content as JSON: parsed where it is JSON, text where it is text, else base64 text (or a Base64File)."""


def load_content(data: bytes, media_type: str) -> JSON:
    """A file's content for a document: JSON parsed, text decoded, anything else as base64.

    What should be JSON and is not stays text.
    """
    kind = kind_of(media_type)
    if kind == "binary":
        return base64.b64encode(data).decode()
    text = data.decode("utf-8", errors="replace")
    if kind == "text":
        return text
    try:
        return json.loads(text)  # NaN passes: whoever writes the document makes null of it
    except (ValueError, RecursionError):
        return text


def loader(jobs: JobService, job: Job) -> Load:
    """Reads the files of a job into documents; raises ResultNotAvailable.

    A binary file, which may be large, is not read before the document is sent (``json_response``).
    """

    def load(output: Output) -> JSON:
        file = jobs.content(job, output)
        if kind_of(output.media_type) == "binary":
            return Base64File(file)
        return load_content(file.content(), output.media_type)

    return load
