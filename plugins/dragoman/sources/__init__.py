"""Inputs from outside: inline, by URL, from files; each checked before it is believed."""
