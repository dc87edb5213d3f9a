// The gallery: thumbnails by surprise, filters, and keys to walk through them.
import { className, element, nameElement, percent, report } from "./data.js";
import { thumbnailWhenSeen } from "./thumbnails.js";
import { answerText } from "./details.js";
import { choose, chosen, filterBy, filtered, showCloud } from "./store.js";

const PAGE = 30;
const SIDE = 264;
const byId = (id) => document.getElementById(id);
const cards = new Map();
let [order, limit] = [[], PAGE];

export function setUpGallery() {
  for (const [id, key] of [["filter-true", "true"], ["filter-predicted", "predicted"]]) {
    const select = byId(id);
    if (!select) continue;
    const present = new Set(report.clouds.map((cloud) => cloud[key]).filter((label) => label != null));
    for (const label of [...present].sort((one, other) => one - other)) select.append(new Option(className(label), label));
    select.addEventListener("change", () => choose({ [key]: select.value }));
  }
  byId("filter-answer")?.addEventListener("change", (event) => choose({ answer: event.target.value }));
  byId("filter-clear").addEventListener("click", () => filterBy({}));
  byId("more").addEventListener("click", () => {
    const first = order[limit];
    limit += 2 * PAGE;
    fillGallery();
    card(first).focus();
  });
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("thumbnails").addEventListener("keydown", walk);
}

export function updateGallery(state, before) {
  const changed = ["answer", "true", "predicted"].some((key) => state[key] !== before[key]);
  if (changed || !order.length) {
    order = filtered();
    limit = PAGE;
    fillGallery();
    if (changed && order.length && !order.includes(state.chosen)) return showCloud(order[0]);
  }
  for (const [index, made] of cards) {
    const here = index === state.chosen;
    made.setAttribute("aria-selected", String(here));
    made.tabIndex = here || (!order.includes(state.chosen) && index === order[0]) ? 0 : -1;
  }
  return undefined;
}

function fillGallery() {
  const { answer, true: truth, predicted } = chosen();
  byId("thumbnails").replaceChildren(...order.slice(0, limit).map(card));
  if (!order.length) byId("thumbnails").append(element("p", "quiet none", "No cloud of the gallery is of this kind."));
  byId("more").hidden = order.length <= limit;
  byId("more").textContent = `Show more (${order.length - limit} left)`;
  byId("filter-clear").hidden = !(answer || truth !== "" || predicted !== "");
  byId("filter-count").textContent = `${order.length} of ${report.clouds.length}`;
  for (const [id, value] of [["filter-answer", answer], ["filter-true", truth], ["filter-predicted", predicted]]) {
    if (byId(id)) byId(id).value = String(value);
  }
}

function card(index) {
  if (!cards.has(index)) cards.set(index, newCard(index));
  return cards.get(index);
}

function newCard(index) {
  const cloud = report.clouds[index];
  const made = element("div", `card${cloud.wrong ? " wrong" : ""}`);
  made.setAttribute("role", "option");
  made.setAttribute("aria-selected", "false");
  made.setAttribute("aria-label", `${cloud.name}: ${answerText(cloud)}`);
  made.dataset.index = index;
  made.tabIndex = -1;
  made.title = cloud.name;
  const canvas = element("canvas");
  Object.assign(canvas, { width: SIDE, height: SIDE });
  made.append(canvas, caption(cloud));
  made.addEventListener("click", () => showCloud(index));
  thumbnailWhenSeen(canvas, cloud);
  return made;
}

function caption(cloud) {
  const made = element("div", "caption");
  const line = element("span", "answer");
  line.append(nameElement(className(cloud.wrong && cloud.iou == null ? cloud.predicted : (cloud.true ?? cloud.predicted))));
  const share = cloud.iou ?? cloud.probabilities?.find(([label]) => label === cloud.predicted)?.[1];
  made.append(line, element("span", "number", share == null ? "" : percent(share)));
  if (cloud.wrong && cloud.iou == null) {
    const truth = element("span", "truth");
    truth.append("✕ is ", nameElement(className(cloud.true)));
    made.append(truth);
  }
  return made;
}

function step(by) {
  const at = order.indexOf(chosen().chosen);
  const next = order[Math.min(Math.max(at + by, 0), order.length - 1)];
  if (next !== undefined) showCloud(next);
}

function walk(event) {
  const made = event.target.closest(".card");
  if (!made || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = [...byId("thumbnails").children];
  const at = all.indexOf(made);
  const top = all[0].offsetTop;
  const columns = Math.max(all.findIndex((other) => other.offsetTop > top), 1);
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at, End: all.length - 1 - at };
  if (event.key === "Enter" || event.key === " ") {
    showCloud(Number(made.dataset.index));
    if (event.key === "Enter") byId("stage").focus();
  } else if (event.key in steps) {
    const next = all[Math.min(Math.max(at + steps[event.key], 0), all.length - 1)];
    next.focus();
    showCloud(Number(next.dataset.index));
  } else {
    return;
  }
  event.preventDefault();
}
