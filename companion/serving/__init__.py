"""A model behind an API: checks, a prediction log and health pages."""
