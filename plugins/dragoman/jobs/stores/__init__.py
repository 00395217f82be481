"""Implementations of the JobStore port: SQLAlchemy Core on SQLite and PostgreSQL."""
