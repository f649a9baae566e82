"""Bringing records from the journal into the database."""
