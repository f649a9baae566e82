"""Requests and answers: bodies, formats, problems."""
