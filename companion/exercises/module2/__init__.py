"""Checkers of the chapters of module 2."""
