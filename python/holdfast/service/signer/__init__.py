"""The process that holds the keys, and the way to it."""
