"""A package tried without a server: loaded by `dragoman check`, its examples run by `dragoman test`."""
