"""The database of the log: SQLite or PostgreSQL, by one code path."""
