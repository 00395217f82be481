"""A PESTO algorithm."""
