"""ncdjango's expression language over arrays that may be larger than memory."""
