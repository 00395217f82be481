import multiprocessing
import os
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import Pool
from typing import Any

_kept: Any = None


def run(pool: str) -> dict[str, object]:
    return {"total": sum(_squares(pool)), "worker": os.getpid()}


def _squares(pool: str) -> list[int]:
    global _kept
    numbers = [1, 2, 3]
    if pool == "fresh":
        with Pool(2) as made:
            return made.map(_square, numbers)
    if pool == "executor":
        with ProcessPoolExecutor(2) as executor:
            return list(executor.map(_square, numbers))
    if pool in ("spawn", "forkserver"):
        with multiprocessing.get_context(pool).Pool(2) as made:
            return [square.value for square in made.map(_squared, numbers)]
    if pool == "joblib":
        from joblib import Parallel, delayed

        return [square.value for square in Parallel(2)(delayed(_squared)(number) for number in numbers)]
    if pool == "kept":
        _kept = _kept or Pool(2)
        kept: list[int] = _kept.map(_square, numbers)
        return kept
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return [_square(number) for number in numbers]


@dataclass
class Square:
    value: int


def _squared(number: int) -> Square:
    return Square(number * number)


def _square(number: int) -> int:
    return number * number
