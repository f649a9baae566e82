"""A record of each call to a language model."""
