"""PESTO projects as packages: read from their own files, run by their own class, brought over to ours."""
