"""What every dialect needs of HTTP: problems, negotiation, links, guards, pages."""
