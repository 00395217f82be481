import hashlib
import time
from pathlib import Path
from typing import Any

import dragoman


def run(
    files: list[Path], attributes: list[Any] | None = None, gate: str = "", mood: str = "good"
) -> dict[str, Any]:
    while gate and not Path(gate).exists():
        time.sleep(0.01)
    if mood == "bad":
        raise dragoman.InputError("mood", "it is bad")
    contents = [path.read_bytes() for path in files]
    said = attributes or [{} for _ in files]
    entries = [
        {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "suffix": path.suffix, **about}
        for path, data, about in zip(files, contents, said, strict=True)
    ]
    return {"inventory": entries}
