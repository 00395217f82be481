"""Datasets that a training loop reads in batches: a manifest, what becomes of its columns, and the order of records.

Batch number i is a pure function of a session's configuration and i. Nothing here knows HTTP or jobs.
"""
