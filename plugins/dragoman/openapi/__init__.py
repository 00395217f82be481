"""What the dialects' OpenAPI documents are built with: words, merging, files."""
