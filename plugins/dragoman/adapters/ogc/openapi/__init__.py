"""The OpenAPI document of the OGC surface."""
