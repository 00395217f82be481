"""The tables as they are today, for statements; ``migrations`` makes them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

METADATA = MetaData()

BIG = BigInteger().with_variant(Integer, "sqlite")

JOBS = Table(
    "dragoman_jobs",
    METADATA,
    Column("seq", BIG, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("process_id", Text, nullable=False),
    Column("process_version", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("runtime", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("mode", String(8), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("timeout", Float),
    Column("status", String(12), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("created", BIG, nullable=False),
    Column("started", BIG),
    Column("finished", BIG),
    Column("updated", BIG, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", BIG),
    Column("outputs", Text, nullable=False),
    Column("failure", Text),
    Column("idempotency_key", Text),
    Column("fingerprint", Text, nullable=False),
    Column("token", String(32)),
    Column("request_as_sent", Text),
    # The queue and the counts; unfinished jobs are few, so this stays small where it is read most.
    Index("dragoman_jobs_status", "status", "seq"),
    Index("dragoman_jobs_process", "process_id", "seq"),
    # Lists of one owner, which is what most lists are: newest first, and newest first of one state. All that can be
    # filtered by is in them, so that a page is found without looking at the rows that are not on it.
    Index("dragoman_jobs_newest", "owner", "seq", "status", "process_id"),
    Index("dragoman_jobs_state", "owner", "status", "seq", "process_id"),
    Index("dragoman_jobs_finished", "finished"),
    # NULL keys differ from each other in both databases: jobs without a key never meet here.
    Index("dragoman_jobs_idempotency", "owner", "process_id", "idempotency_key", unique=True),
)

TALLY = Table(
    "dragoman_tally",
    METADATA,
    Column("owner", Text, nullable=False),
    Column("process_id", Text, nullable=False),
    Column("status", String(12), nullable=False),
    Column("n", BIG, nullable=False),
    Index("dragoman_tally_group", "owner", "process_id", "status", unique=True).ddl_if(dialect="sqlite"),
)
"""How many jobs there are of each owner, process and state: the sum of ``n``. See job_counters.py."""

EVENTS = Table(
    "dragoman_events",
    METADATA,
    Column("job", BIG, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("what", String(12), nullable=False),
    Column("at", BIG, nullable=False),
    Column("worker", Text),
    Column("why", Text),
    PrimaryKeyConstraint("job", "attempt", "what"),
)
"""What happened to each job, known by its ``seq``. See job_events.py."""

SESSIONS = Table(
    "dragoman_sessions",
    METADATA,
    Column("id", String(20), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("configuration", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("manifest_size", BIG, nullable=False),
    Column("manifest_modified", BIG, nullable=False),
    Column("position", BIG, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created", BIG, nullable=False),
    Column("used", BIG, nullable=False),
    Index("dragoman_sessions_owner", "owner"),
    Index("dragoman_sessions_used", "used"),
)
"""Sessions that read datasets; see model/dataset_session.py."""

SERVICES = Table(
    "dragoman_services",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("job", String(36), nullable=False),
    Column("owner", Text, nullable=False),
    Column("temporary", Integer, nullable=False),
    Column("created", BIG, nullable=False),
    Column("service", Text, nullable=False),
    Index("dragoman_services_job", "job"),
    Index("dragoman_services_owner", "owner", "created"),
    Index("dragoman_services_created", "temporary", "created"),
)
"""Map services that jobs have published; see model/map_service.py."""

TASKS = Table(
    "dragoman_tasks",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("application", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("created", BIG, nullable=False),
    Column("fed", BIG),
    Column("short", Integer, nullable=False),
)
"""Tasks, each beside the job of its id; see model/task.py."""

ASSETS = Table(
    "dragoman_assets",
    METADATA,
    Column("task", String(36), nullable=False),
    Column("number", Integer, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sent_name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BIG, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("settled", BIG),
    PrimaryKeyConstraint("task", "number"),
)
"""The files of tasks."""

META = Table(
    "dragoman_meta",
    METADATA,
    Column("key", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
