"""Documents and clients that are generated from the processes."""
