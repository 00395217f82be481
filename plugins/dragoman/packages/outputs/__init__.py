"""What a run returned, made into outputs."""
