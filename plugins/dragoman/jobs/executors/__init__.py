"""Implementations of the Executor port, imported lazily."""
