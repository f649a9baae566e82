"""The journal: append-only files that lose nothing, and how they are read."""
