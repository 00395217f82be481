"""Child processes, whatever they do: their tree, frames, captured output and guardian. Knows no job."""
