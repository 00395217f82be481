"""CCP, the D4Science Cloud Computing Platform: OGC with other habits, executions, archives and provenance."""
