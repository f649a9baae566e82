"""Sphinx extension that writes formulas as MathML when the book is built.

Browsers draw MathML themselves and screen readers read it, so no page loads a
script for formulas: MathJax and its fonts are more than all else on a page. The
translation is that of docutils; a formula it does not know is a warning, which
fails the strict build. `tests/book/test_mathml_formulas.py` holds the proofs.
"""

import html
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

__all__ = ["mathml", "setup"]

_LOGGER = logging.getLogger(__name__)

# Usual LaTeX that docutils does not know, in words that it does.
_OTHER_NAMES = {
    "argmax": r"\operatorname{arg\,max}",
    "argmin": r"\operatorname{arg\,min}",
    "dots": r"\ldots",
}
_OTHER_NAME = re.compile(rf"\\({'|'.join(_OTHER_NAMES)})(?![A-Za-z])")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx.

    Parameters
    ----------
    app : Sphinx
        The running build.

    Returns
    -------
    dict
        What Sphinx wants to know of an extension.
    """
    # Chosen by `html_math_renderer: mathml` in _config.yml.
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def mathml(formula: str, *, block: bool) -> str:
    r"""Translate a formula.

    Parameters
    ----------
    formula : str
        LaTeX, without dollars around it.
    block : bool
        Whether the formula stands on a line of its own.

    Returns
    -------
    str
        One `<math>` element.

    Raises
    ------
    docutils.utils.math.MathError
        If the formula holds a command that docutils does not know.
    """
    formula = _OTHER_NAME.sub(lambda match: _OTHER_NAMES[match[1]], formula)
    if block and "\\\\" in formula and r"\begin{" not in formula:
        formula = rf"\begin{{aligned}}{formula}\end{{aligned}}"
    return str(tex2mathml(formula, as_block=block))


def _visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{_translated(node, block=False)}</span>')
    raise nodes.SkipNode


def _visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    anchor = node["ids"][0] if node.get("ids") else ""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        if anchor:
            title = _("Link to this equation")
            link = f'<a class="headerlink" href="#{anchor}" title="{title}">#</a>'
            self.body.append(link)
        self.body.append("</span>")
    self.body.append(f"{_translated(node, block=True)}</div>\n")
    raise nodes.SkipNode


def _translated(node: nodes.math | nodes.math_block, *, block: bool) -> str:
    formula = node.astext()
    try:
        return mathml(formula, block=block)
    except MathError as error:
        _LOGGER.warning(
            "the formula %r cannot be written as MathML: %s Use other LaTeX, "
            "or teach book/_ext/mathml_formulas.py the name.",
            *(formula, error),
            location=node,
        )
        return f"<code>{html.escape(formula)}</code>"
