import time
from typing import Any

import numpy as np


class Process:
    """Gives back what it was given; ``seconds`` later, in ten steps."""

    def on_start(self) -> None:
        self.started = True

    def process(
        self, image: Any, images: Any, seconds: float, numbers: list[float], note: str
    ) -> dict[str, Any]:
        assert self.started
        time.sleep(seconds or 0)
        if note == "fail":
            raise ValueError("the mirror broke")
        return {
            "image": image,
            "tiles": list(images or []),
            "shape": list(image.shape),
            "dtype": str(image.dtype),
            "total": float(np.sum(numbers or [0])),
            "band2": note,
        }
