"""What is served of the packages: copies of their files, which of them are current, and who notices a change."""
