"""The command ``dragoman``: for operators and for authors of packages."""
