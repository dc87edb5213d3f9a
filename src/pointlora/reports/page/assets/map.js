// The map of the embeddings: point at a mark to see its cloud, click it to open it, choose a class to see it alone.
import { className, nameElement, report, unpacked } from "./data.js";
import { drawThumbnail } from "./thumbnails.js";
import { chosen, showCloud } from "./store.js";

let [spots, at, alone] = [null, null, null];
const byId = (id) => document.getElementById(id);

export function setUpMap() {
  if (!report.map || !byId("map-chart")) return;
  spots = unpacked(report.map.places, Int16Array);
  const drawing = byId("map-chart").querySelector("svg");
  drawing.addEventListener("pointermove", (event) => point(nearest(...inside(drawing, event), 18)));
  drawing.addEventListener("click", (event) => {
    const found = nearest(...inside(drawing, event), 22);
    if (found === null) return;
    point(found);
    open(found);
  });
  drawing.addEventListener("keydown", walk);
  byId("map-legend").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) showAlone(button.dataset.label === alone ? null : button.dataset.label);
  });
}

export function updateMap() {
  if (!spots) return;
  const place = report.map.cloud.indexOf(chosen().chosen ?? -2);
  mark("map-chosen", place < 0 ? null : place);
  if (place >= 0) tell(place);
}

function inside(drawing, event) {
  const box = drawing.getBoundingClientRect();
  const scale = drawing.viewBox.baseVal.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

const labelOf = (spot) => (report.map.true[spot] >= 0 ? report.map.true[spot] : report.map.predicted[spot]);
const visible = (spot) => alone === null || labelOf(spot) === Number(alone);

function nearest(x, y, within) {
  let [best, found] = [within * within, null];
  for (let spot = 0; spot < spots.length / 2; spot++) {
    const away = (spots[2 * spot] - x) ** 2 + (spots[2 * spot + 1] - y) ** 2;
    if (away < best && visible(spot)) [best, found] = [away, spot];
  }
  return found;
}

function mark(id, spot) {
  byId(id).setAttribute("cx", spot === null ? -99 : spots[2 * spot]);
  byId(id).setAttribute("cy", spot === null ? -99 : spots[2 * spot + 1]);
}

function point(spot) {
  if (spot === null || spot === at) return;
  at = spot;
  mark("map-mark", spot);
  tell(spot);
}

// Name, answer and picture of a mark, beside the map.
function tell(spot) {
  const [truth, guess, cloud] = [report.map.true[spot], report.map.predicted[spot], report.map.cloud[spot]];
  const text = byId("map-text");
  text.replaceChildren(nameElement(report.map.names[spot]), document.createElement("br"));
  if (truth >= 0 && guess >= 0 && truth !== guess) text.append(nameElement(className(truth)), " taken for ", nameElement(className(guess)));
  else text.append(nameElement(className(labelOf(spot))));
  if (cloud < 0) text.append(" · not in the gallery");
  byId("map-thumbnail").hidden = cloud < 0;
  if (cloud >= 0) drawThumbnail(byId("map-thumbnail"), report.clouds[cloud]);
}

function open(spot) {
  if (report.map.cloud[spot] < 0) return;
  showCloud(report.map.cloud[spot]);
}

// The nearest mark within a quarter of the compass.
function walk(event) {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key === "Enter" && at !== null) {
    open(at);
    byId("stage")?.focus();
  } else if (event.key in ways) {
    const [right, down] = ways[event.key];
    if (at === null) point(Array.from({ length: spots.length / 2 }, (_, spot) => spot).find(visible) ?? 0);
    let [best, found] = [Infinity, null];
    for (let spot = 0; spot < spots.length / 2; spot++) {
      const [x, y] = [spots[2 * spot] - spots[2 * at], spots[2 * spot + 1] - spots[2 * at + 1]];
      const ahead = x * right + y * down;
      const aside = Math.abs(x * down) + Math.abs(y * right);
      if (ahead > 0 && aside <= ahead && ahead + aside < best && visible(spot)) [best, found] = [ahead + aside, spot];
    }
    point(found);
  } else {
    return;
  }
  event.preventDefault();
}

function showAlone(label) {
  alone = label;
  for (const button of byId("map-legend").querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.label === label));
  for (const path of byId("map-chart").querySelectorAll("path[data-label]")) path.classList.toggle("away", label !== null && path.dataset.label !== label);
}
