"""What is measured, side by side: ``python benchmarks/run.py [NAME ...] [--quick]``."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the checkout, so that ``benchmarks`` is a package

from benchmarks.suite import main  # noqa: E402 - after the path above

if __name__ == "__main__":
    sys.exit(main())
