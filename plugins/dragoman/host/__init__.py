"""pygeoapi's faces: what it loads, names in its configuration, and is mounted on."""
