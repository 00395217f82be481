"""Durable jobs: the one door is ``service.py``; ``ports.py`` is the architecture."""
