"""JSON Schema, value checks, media types and messages: what a value is allowed to be, and how that is said."""
