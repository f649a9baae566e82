/* What the theme's scripts leave out for readers without a mouse.

   Fetches and stores nothing; a page reads as well without it. */

// A box that is wider than its place can be reached and scrolled. The theme looks
// once, when the page is loaded: what is folded or behind a tab has no width then.
(() => {
  const boxes = "pre, .cell_output > .output, .pst-scrollable-table-container, .math";

  const look = (box) => {
    if (!box.clientWidth) return; // still folded, or in the middle of a line
    const wide = box.scrollWidth > box.clientWidth;
    if (wide || box.scrollHeight > box.clientHeight) {
      if (/auto|scroll/.test(getComputedStyle(box).overflow)) box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  };

  // Tells of a fold, a tab and a turned phone alike.
  const watcher = new ResizeObserver((seen) => seen.forEach(({ target }) => look(target)));
  addEventListener("load", () =>
    document.querySelectorAll(boxes).forEach((box) => watcher.observe(box)),
  );
})();

// Who closes a drawer is back at the button that opened it. The theme takes the
// focus away from that button, so the browser cannot do so by itself.
addEventListener("load", () => {
  for (const side of ["primary", "secondary"]) {
    const drawer = document.getElementById(`pst-${side}-sidebar-modal`);
    const button = document.querySelector(`button.${side}-toggle`);
    drawer?.addEventListener("close", () => button?.focus());
  }
});

// A button pressed with the keyboard keeps the focus, which the theme takes away
// because a mouse leaves it behind.
document.addEventListener("click", (event) => {
  const button = event.target.closest(".theme-switch-button");
  if (event.detail === 0) button?.focus();
});
