"""The supervisor and its workers: everything that runs jobs on this host."""
