"""``python -m dragoman.cli``: how server processes start the supervisor, and others of their helpers."""

import sys

if sys.argv[1:] == [
    "probe"
]:  # it needs nothing of the command, and whoever has changed a package waits for it
    from dragoman.jobs.trials.load_check import answer

    answer()
else:
    from dragoman.cli.main import main

    main()
