"""The form of package that is ours: a process.yml beside an algorithm."""
