"""Tracking, serving and LLM observability, as taught in the book.

Importing this package is cheap on purpose: heavy libraries load where they are
used. Start with :mod:`companion.terrace` (the running example),
:mod:`companion.serving` (a model behind an API) and :mod:`companion.store`
(the log that both write).
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
