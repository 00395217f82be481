"""The workflow form of package: ncdjango's JSON, a graph of the six bundled tasks."""
