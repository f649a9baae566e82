"""Predicting a whole file: its table, the answers, the parts of an unfinished run."""
