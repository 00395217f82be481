"""The real ncdjango with one task, run by the Python of an environment that has it: web application and Celery's.

``real_ncdjango.py`` makes its database; ``gunicorn real_ncdjango:application`` and ``celery -A real_ncdjango worker``
serve it. Its environment needs an empty package ``osgeo``.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "real_ncdjango_settings")
app = Celery("real_ncdjango")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["ncdjango"])

from django.core.management import call_command  # noqa: E402 - settings first
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402

application = get_wsgi_application()

from ncdjango.geoprocessing.params import IntParameter  # noqa: E402 - models can be had from here on
from ncdjango.geoprocessing.workflow import Task  # noqa: E402

urlpatterns = [path("", include("ncdjango.urls"))]


class SumNumbers(Task):  # type: ignore[misc]
    """The task of ncdjango's tutorial."""

    name = "sum_numbers"
    inputs = (IntParameter("int1", required=True), IntParameter("int2", required=True))
    outputs = (IntParameter("sum"),)

    def execute(self, int1: int, int2: int) -> int:
        """The sum."""
        return int1 + int2


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
