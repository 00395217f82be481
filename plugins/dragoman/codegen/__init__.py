"""Programs that run a process, written out in the languages of its users."""
