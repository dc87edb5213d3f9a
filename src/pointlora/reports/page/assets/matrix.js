// The confusion matrix: a cell selects its clouds; arrow keys move between cells.
import { chosen, filterBy } from "./store.js";

export function setUpMatrix() {
  const table = document.querySelector(".confusion");
  if (!table) return;
  const buttons = [...table.querySelectorAll("button")];
  if (buttons.length) buttons[0].tabIndex = 0;
  table.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || !document.getElementById("clouds")) return;
    const same = button.getAttribute("aria-pressed") === "true";
    filterBy(same ? {} : { true: button.dataset.true, predicted: button.dataset.predicted });
    if (!same) document.getElementById("clouds").scrollIntoView({ block: "start" });
  });
  table.addEventListener("keydown", (event) => {
    const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!(event.key in ways) || event.target.tagName !== "BUTTON") return;
    event.preventDefault();
    const next = neighbor(buttons, event.target, ...ways[event.key]);
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

// The nearest cell that isn't empty in a direction, rather in the same row or column.
function neighbor(buttons, from, down, right) {
  const place = (button) => [Number(button.dataset.true), Number(button.dataset.predicted)];
  const [row, column] = place(from);
  let [best, found] = [Infinity, null];
  for (const button of buttons) {
    const [y, x] = place(button);
    const ahead = (y - row) * down + (x - column) * right;
    const aside = Math.abs((y - row) * right) + Math.abs((x - column) * down);
    if (ahead > 0 && ahead + 3 * aside < best) [best, found] = [ahead + 3 * aside, button];
  }
  return found;
}

export function updateMatrix() {
  const state = chosen();
  for (const button of document.querySelectorAll(".confusion button")) {
    const here = state.true !== "" && button.dataset.true === String(state.true) && button.dataset.predicted === String(state.predicted);
    button.setAttribute("aria-pressed", String(here));
  }
}
