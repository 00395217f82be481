"""OGC API - Processes, the dialect of the house."""
