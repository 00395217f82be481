def run(int1: int, int2: int) -> dict[str, object]:
    return {"sum": int1 + int2}
