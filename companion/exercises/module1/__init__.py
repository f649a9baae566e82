"""Checkers of the chapters of module 1."""
