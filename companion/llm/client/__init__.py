"""Asking a language model through LangChain."""
