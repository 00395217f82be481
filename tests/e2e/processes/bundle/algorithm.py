from pathlib import Path

import dragoman


def run(files: list[Path], context: dragoman.Context) -> dict[str, object]:
    joined = context.scratch / "joined.csv"
    joined.write_bytes(b"".join(path.read_bytes() for path in files))
    return {"joined": joined}
