"""Settings of a Django project with ncdjango, as its documentation sets one up, and Celery's filesystem broker.

State lies in REAL_FOLDER; REAL_POLL is how often Celery's worker looks for messages, in seconds: unset, its own 1.0.
"""

from __future__ import annotations

import os
from typing import Any

FOLDER = os.environ["REAL_FOLDER"]
SECRET_KEY = "benchmark"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "real_ncdjango"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "ncdjango",
    "tastypie",
    "rest_framework",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{FOLDER}/db.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
NC_SERVICE_DATA_ROOT = f"{FOLDER}/data/"
NC_REGISTERED_JOBS = {"sum_numbers": {"type": "task", "task": "real_ncdjango.SumNumbers"}}
CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "data_folder_in": f"{FOLDER}/broker",
    "data_folder_out": f"{FOLDER}/broker",
    "control_folder": f"{FOLDER}/control",
}
if "REAL_POLL" in os.environ:
    CELERY_BROKER_TRANSPORT_OPTIONS["polling_interval"] = float(os.environ["REAL_POLL"])
CELERY_RESULT_BACKEND = f"file://{FOLDER}/results"
CELERY_TASK_TRACK_STARTED = True
