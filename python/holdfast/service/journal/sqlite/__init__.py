"""The journal as an SQLite file. Only `journal.open` imports from here."""
