"""Sphinx extension for questions that the reader's own browser marks.

One directive a question; CONTRIBUTING.md says how one is written. The page
holds the question, its answers as a lettered list, and every answer's verdict
and reason folded below: enough without JavaScript and on paper. The script
`quiz.js` turns the list into a form that marks itself.
"""

import re
from collections.abc import Collection
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.util.docutils import SphinxDirective

__all__ = ["quiz_complaints", "setup"]

_LABEL = re.compile(r"quiz-[a-z0-9]+(-[a-z0-9]+)*")
_LETTERS = "ABCDE"


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
    app.add_directive("quiz", _Quiz)
    for node, visit, depart in (
        (_quiz, _visit_quiz, _depart_quiz),
        (_key, _visit_key, _depart_key),
    ):
        # By format and by name: another extension's handlers for singlehtml
        # would make Sphinx forget those for the format.
        app.add_node(node, html=(visit, depart), singlehtml=(visit, depart))
    app.connect("doctree-read", _on_doctree_read)
    app.connect("html-page-context", _on_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def quiz_complaints(label: str, body: str) -> list[str]:
    """Check what an author wrote.

    Parameters
    ----------
    label : str
        The directive's argument.
    body : str
        Its content, in YAML.

    Returns
    -------
    list of str
        A sentence for each mistake; empty where there is none.
    """
    complaints = []
    if not _LABEL.fullmatch(label):
        complaints.append(
            f"the label {label!r} is to begin with quiz- and to hold small letters, "
            "digits and single dashes only, as quiz-drift-1 does"
        )
    try:
        written = yaml.safe_load(body)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        line = f", line {mark.line + 1} of the question" if mark else ""
        what = getattr(err, "problem", None) or str(err)
        complaints.append(
            f"the body is no YAML{line}: {what}; text with a colon or a quote "
            "belongs in quotes"
        )
        return complaints
    if not isinstance(written, dict):
        return [*complaints, "the body has no `question:` and no `answers:`"]
    complaints += _key_complaints(written, "the question", {"question", "answers"})
    answers = written.get("answers")
    if not isinstance(answers, list) or not 3 <= len(answers) <= len(_LETTERS):
        return [*complaints, "`answers:` is to be a list of 3 to 5 answers"]
    for letter, answer in zip(_LETTERS, answers, strict=False):
        complaints += _answer_complaints(f"answer {letter}", answer)
    if complaints:
        return complaints
    n_right = sum(answer.get("correct", False) for answer in answers)
    if n_right in {0, len(answers)}:
        count = "no answer is" if n_right == 0 else "every answer is"
        complaints.append(f"{count} marked `correct: true`")
    texts = [answer["text"].strip() for answer in answers]
    if len(set(texts)) < len(texts):
        complaints.append("two answers have the same text")
    return complaints


def _answer_complaints(name: str, answer: object) -> list[str]:
    if not isinstance(answer, dict):
        return [f"{name} has no `text:` and no `why:`"]
    complaints = _key_complaints(answer, name, {"text", "why"}, {"correct"})
    if not isinstance(answer.get("correct", False), bool):
        complaints.append(f"`correct:` of {name} is neither true nor false")
    return complaints


def _key_complaints(
    written: dict[str, Any],
    name: str,
    required: set[str],
    optional: Collection[str] = (),
) -> list[str]:
    known = required.union(optional)
    complaints = [
        f"{name} has the unknown key {key!r}; known are {', '.join(sorted(known))}"
        for key in written
        if key not in known
    ]
    for key in sorted(required - {"answers"}):
        value = written.get(key)
        if not isinstance(value, str) or not value.strip():
            complaints.append(f"{name} has no text in `{key}:`; put it in quotes")
    return complaints


class _Quiz(SphinxDirective):
    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        label, body = self.arguments[0], "\n".join(self.content)
        complaints = quiz_complaints(label, body)
        if complaints:
            raise self.error(f"quiz {label}: {'; '.join(complaints)}.")

        written = yaml.safe_load(body)
        answers = written["answers"]
        right = [answer.get("correct", False) for answer in answers]
        quiz = _quiz("", ids=[label], names=[label], several=sum(right) > 1)
        self.set_source_info(quiz)
        question = nodes.paragraph("", "", classes=["quiz-question"])
        question += self._inline(written["question"])
        choices = _lettered("quiz-answers")
        key, reasons = _key(), _lettered("quiz-reasons")
        for answer, correct in zip(answers, right, strict=True):
            choices += nodes.list_item("", self._paragraph(answer["text"]))
            reason = nodes.list_item(
                classes=["quiz-right" if correct else "quiz-wrong"]
            )
            verdict = nodes.strong("", "Right." if correct else "Wrong.")
            reason += self._paragraph(answer["why"], verdict, nodes.Text(" "))
            reasons += reason
        key += reasons
        quiz += [question, choices, key]
        self.state.document.note_explicit_target(quiz, quiz)
        return [quiz]

    def _paragraph(self, text: str, *start: nodes.Node) -> nodes.paragraph:
        return nodes.paragraph("", "", *start, *self._inline(text))

    def _inline(self, text: str) -> list[nodes.Node]:
        found, messages = self.state.inline_text(text.strip(), self.lineno)
        return [*found, *messages]


def _lettered(class_: str) -> nodes.enumerated_list:
    return nodes.enumerated_list(
        enumtype="upperalpha", prefix="", suffix=".", classes=[class_]
    )


class _quiz(nodes.General, nodes.Element):  # noqa: N801 - docutils names nodes so
    """A question with its answers; `number` of `total` on its page."""


class _key(nodes.General, nodes.Element):  # noqa: N801 - docutils names nodes so
    """The folded verdicts and reasons of one question."""


def _on_doctree_read(app: Sphinx, document: nodes.document) -> None:
    # Number the questions of a page, and make each one something to link to;
    # Sphinx then tells of a label that two pages have.
    domain = app.env.get_domain("std")
    assert isinstance(domain, StandardDomain)  # noqa: S101 - Sphinx's own
    quizzes = list(document.findall(_quiz))
    for number, quiz in enumerate(quizzes, start=1):
        label = quiz["ids"][0]
        domain.labels[label] = (app.env.docname, label, f"Question {number}")
        quiz["number"] = number
        quiz["total"] = len(quizzes)
        for key in quiz.findall(_key):
            key["number"] = number


def _on_page(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    del pagename, template, context  # the tree says it all
    if doctree is not None and next(iter(doctree.findall(_quiz)), None) is not None:
        app.add_css_file("quiz.css")
        app.add_js_file("quiz.js", loading_method="defer")


def _visit_quiz(self: Any, node: _quiz) -> None:
    several = "true" if node["several"] else "false"
    self.body.append(
        self.starttag(node, "div", CLASS="quiz", **{"data-several": several})
    )
    number = f"Question {node['number']} of {node['total']}"
    self.body.append(f'<p class="quiz-number">{number}</p>\n')


def _depart_quiz(self: Any, node: _quiz) -> None:
    del node
    self.body.append("</div>\n")


def _visit_key(self: Any, node: _key) -> None:
    self.body.append('<details class="quiz-key">\n')
    self.body.append(f"<summary>Answers to question {node['number']}</summary>\n")


def _depart_key(self: Any, node: _key) -> None:
    del node
    self.body.append("</details>\n")
