"""Packaged algorithms: reading, validating, binding, testing."""
