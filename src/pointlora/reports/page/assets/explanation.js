// What moves the decision: leave a patch out and see the probability.
import { className, element, nameElement, numbers, percent } from "./data.js";
import { css, effectColor } from "./colors.js";
import { modeOf } from "./details.js";
import { chosen, choose } from "./store.js";

const MOST = 6;
const place = () => document.getElementById("explanation");

export function setUpExplanation(viewer) {
  viewer.on("pick", (point) => {
    const { shown, dropped } = chosen();
    if (modeOf(shown) !== "explanation") return;
    const patch = numbers(shown).owner[point];
    choose({ dropped: patch === dropped ? null : patch });
  });
}

export function updateExplanation() {
  const { shown, dropped } = chosen();
  place().hidden = modeOf(shown) !== "explanation";
  if (place().hidden) return;
  const focused = document.activeElement?.dataset?.patch;
  const { probability, without, label } = shown.explanation;
  const order = without.map((share, patch) => ({ patch, share, effect: probability - share }));
  order.sort((one, other) => Math.abs(other.effect) - Math.abs(one.effect));
  const most = Math.max(Math.abs(order[0]?.effect ?? 0), 1e-9);
  const listed = order.slice(0, MOST);
  if (dropped !== null && !listed.some(({ patch }) => patch === dropped)) listed[MOST - 1] = order.find(({ patch }) => patch === dropped);
  const list = element("div", "patches");
  for (const row of listed) list.append(patchButton(row, probability, most, row.patch === dropped));
  place().replaceChildren(headline(label, probability, dropped === null ? null : without[dropped]), list);
  if (focused !== undefined) list.querySelector(`[data-patch="${focused}"]`)?.focus();
}

function headline(label, probability, without) {
  const line = element("p", "decision");
  line.setAttribute("aria-live", "polite");
  line.append("Probability of ", nameElement(className(label)), " ", element("strong", "", percent(probability, 1)));
  if (without === null) line.append(element("span", "quiet", ". Leave out a patch, here or in the view:"));
  else line.append(" → ", element("strong", "changed", percent(without, 1)), element("span", "quiet", " without this patch"));
  return line;
}

function patchButton({ patch, share, effect }, probability, most, pressed) {
  const button = element("button", "patch");
  button.type = "button";
  button.dataset.patch = patch;
  button.setAttribute("aria-pressed", String(pressed));
  const swatch = element("span", "swatch");
  swatch.style.background = css(effectColor(effect / most));
  const sign = effect > 0 ? "\u2212" : "+";
  button.append(swatch, `patch ${patch + 1}`, element("span", "number", `${sign}${(100 * Math.abs(effect)).toFixed(1)}`));
  button.setAttribute("aria-label", `Leave out patch ${patch + 1}: from ${percent(probability, 1)} to ${percent(share, 1)}`);
  button.addEventListener("click", () => choose({ dropped: pressed ? null : patch }));
  return button;
}
