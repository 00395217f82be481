"""``python -m dragoman.cli``: how server processes start the supervisor, and others of their helpers."""

from dragoman.cli.main import main

main()
