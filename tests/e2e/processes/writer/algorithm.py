import os
import sys

import dragoman


def run(size: int = 1000, fail: str = "", blame: str = "", *, context: dragoman.Context) -> dict[str, object]:
    print("to standard output")
    print("to standard error", file=sys.stderr)
    os.system("echo from a child")
    context.log.info("to the log")
    if blame:
        raise dragoman.InputError(blame, fail)
    if fail:
        raise RuntimeError(fail)
    path = context.scratch / "bytes.bin"
    path.write_bytes(bytes(i % 251 for i in range(size)))
    return {"file": path, "note": "written"}
