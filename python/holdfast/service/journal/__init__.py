"""The journal: written, read, signed, proved and replayed."""
