"""How what messages of the engine hold of jobs is written as JSON, and read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.jobs.engine_figures import dump_figures, load_figures
from dragoman.jobs.error_codec import dump_error, load_error
from dragoman.jobs.job_record import dump_record, dump_whole, load_record, load_whole
from dragoman.jobs.json_codec import (
    dump_failure,
    dump_services,
    load_failure,
    load_services,
    outputs_text,
    read_outputs,
    read_request,
    request_text,
)

if TYPE_CHECKING:
    from dragoman.workers.message_codec import Parts

PARTS: Final[Parts] = {
    "job": (dump_whole, load_whole),
    "request": (request_text, read_request),
    "changes": (dump_record, load_record),
    "outputs": (outputs_text, read_outputs),
    "failure": (dump_failure, load_failure),
    "services": (dump_services, load_services),
    "error": (dump_error, load_error),
    "figures": (dump_figures, load_figures),
}
"""By the names of the fields; see ``workers.message_codec``."""
