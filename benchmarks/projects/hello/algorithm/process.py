"""A trivial PESTO algorithm, in the form that PESTO's documentation shows."""


class Process:
    """Greets."""

    def on_start(self) -> None:
        """Nothing to load."""

    def process(self, name: str) -> dict[str, object]:
        """Greet."""
        return {"greeting": f"Hello {name}", "length": len(name)}
