"""Dialects: each a folder with routes (Flask) and translate (pure); none knows another."""
