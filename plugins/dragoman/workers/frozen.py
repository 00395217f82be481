"""Imported by the forkserver after all that its workers need, before it forks any of them.

It acts at import, and must: the forkserver runs no other code of ours. PR_SET_PDEATHSIG in the workers alone would
watch the forkserver, not the supervisor; so the forkserver itself dies with the supervisor.
"""

from __future__ import annotations

import gc

from dragoman.workers.process_tree import die_with_parent

die_with_parent()
gc.freeze()  # what is loaded now is shared by all workers; a collection must not touch, and so copy, it
