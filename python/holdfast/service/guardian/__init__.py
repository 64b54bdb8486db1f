"""The one owner of the core, and what acts on it from inside the home."""
