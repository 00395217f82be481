"""Who a token speaks for: verified by the keys of the identity provider, or asked about there. No HTTP of our own."""
