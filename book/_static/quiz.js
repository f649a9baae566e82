/* Turns each question of book/_ext/quiz.py into a form that marks itself.
   Everything it says is already in the page; it fetches and stores nothing. */

(() => {
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Copies what is inside, so that links, code and emphasis stay.
  const inside = (element) => {
    const copy = element.querySelector(":scope > p") ?? element;
    return [...copy.cloneNode(true).childNodes];
  };

  const sign = (right) => {
    const element = make("span", { className: "quiz-sign" }, right ? "✓" : "✗");
    element.setAttribute("aria-hidden", "true"); // the words beside it say the same
    return element;
  };

  const enhance = (quiz) => {
    const several = quiz.dataset.several === "true";
    const list = quiz.querySelector(".quiz-answers");
    const reasons = [...quiz.querySelectorAll(".quiz-reasons > li")];
    const number = quiz.querySelector(".quiz-number");
    const question = quiz.querySelector(".quiz-question");

    const choices = [...list.children].map((answer, index) => {
      const id = `${quiz.id}-${index + 1}`;
      const input = make("input", {
        type: several ? "checkbox" : "radio",
        name: quiz.id,
        id,
      });
      const letter = String.fromCharCode(65 + index);
      const mark = make("span", { className: "quiz-letter" }, `${letter}. `);
      const label = make("label", { htmlFor: id }, mark, ...inside(answer));
      const right = reasons[index].classList.contains("quiz-right");
      return { input, label, letter, right, reason: reasons[index] };
    });

    const hint = several ? "Choose all that apply." : "Choose one.";
    const legend = make(
      "legend",
      {},
      make("span", { className: "quiz-number" }, ...number.childNodes, " "),
      make("span", { className: "quiz-question" }, ...question.childNodes, " "),
      make("span", { className: "quiz-hint" }, hint),
    );
    const rows = choices.map(({ input, label }) =>
      make("div", { className: "quiz-choice" }, input, label),
    );
    const button = make("button", { type: "submit", className: "quiz-check" }, "Check");
    const status = make("div", { className: "quiz-status" });
    // A live region speaks only what arrives after it is in the page.
    status.setAttribute("role", "status");
    const form = make("form", {}, make("fieldset", {}, legend, ...rows), button, status);

    const clear = () => {
      status.replaceChildren();
      delete quiz.dataset.result;
    };
    form.addEventListener("change", clear);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = choices.filter(({ input }) => input.checked);
      const missing = choices.filter(({ input, right }) => right && !input.checked);
      const wrong = chosen.filter(({ right }) => !right);
      if (chosen.length === 0) {
        clear();
        status.append(make("p", {}, "Nothing is chosen yet."));
        return;
      }
      const solved = missing.length === 0 && wrong.length === 0;
      quiz.dataset.result = solved ? "right" : "wrong";
      let verdict = solved ? "Right." : "Not yet.";
      if (!solved && wrong.length === 0) {
        const more = missing.length === 1 ? "1 more belongs" : `${missing.length} more belong`;
        verdict += ` What you chose is right, but ${more} to it.`;
      }
      const because = chosen.map(({ letter, right, reason }) =>
        make(
          "li",
          { className: right ? "quiz-right" : "quiz-wrong" },
          sign(right),
          `${letter}. `,
          ...inside(reason),
        ),
      );
      status.replaceChildren(
        make("p", { className: "quiz-verdict" }, sign(solved), verdict),
        make("ul", {}, ...because),
      );
    });

    number.remove();
    question.remove();
    list.replaceWith(form);
  };

  document.querySelectorAll("div.quiz").forEach(enhance);

  // On paper the answers are open; afterwards they are as the reader left them.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.quiz-key:not([open])")];
    opened.forEach((key) => (key.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((key) => (key.open = false)));
})();
