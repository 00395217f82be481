def run(msg: str) -> dict[str, object]:
    raise ValueError(msg)
