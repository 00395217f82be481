"""Frozen value objects that every room speaks of; no I/O, no HTTP, no third-party types."""
