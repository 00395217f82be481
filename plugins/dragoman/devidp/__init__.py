"""An identity provider for tests and demonstrations; it guards nothing."""
