"""Clients of a dragoman server, for who has no server here: nothing below imports the server's rooms."""
