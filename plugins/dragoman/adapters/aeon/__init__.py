"""aeon: sessions in which a training loop fetches the batches of a dataset. Source: contracts/aeon.md."""
