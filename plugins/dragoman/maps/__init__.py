"""Map services: what is published, how it is coloured, and the files that are drawn; no HTTP."""
