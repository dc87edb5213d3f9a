// What stands around the viewer: the cloud's name and answer, ways to colour it, its legend, nearest training clouds.
import { className, element, nameElement, percent, report } from "./data.js";
import { css } from "./colors.js";
import { modesOf, paint } from "./paint.js";
import { drawThumbnail } from "./thumbnails.js";
import { chosen, choose, showCloud, showOther } from "./store.js";

const byId = (id) => document.getElementById(id);

export function setUpDetails(viewer) {
  viewer.on("turn", (view) => {
    for (const canvas of byId("neighbors").querySelectorAll("canvas")) drawThumbnail(canvas, report.training[canvas.dataset.index], view);
  });
  byId("modes").addEventListener("change", (event) => choose({ mode: event.target.value, dropped: null }));
}

// The mode that a cloud is shown in: the reader's, where the cloud has what it needs.
export function modeOf(cloud) {
  const names = modesOf(cloud).map((mode) => mode.name);
  return names.includes(chosen().mode) ? chosen().mode : names[0];
}

export function updateDetails(viewer) {
  const { shown, hidden, dropped } = chosen();
  const mode = modeOf(shown);
  const { scene, legend } = paint(shown, mode, { dropped, hidden });
  viewer.show(scene);
  showName(shown);
  showModes(shown, mode);
  showLegend(legend);
  showProbabilities(shown);
  showNeighbors(shown, viewer.view());
  byId("stage").setAttribute("aria-label", `${shown.name}, ${scene.positions.length / 3} points, ${answerText(shown)}`);
}

export function answerText(cloud) {
  if (cloud.iou != null) return `${className(cloud.true)}, IoU ${percent(cloud.iou, 1)}`;
  if (cloud.predicted == null) return className(cloud.true);
  const share = cloud.probabilities?.find(([label]) => label === cloud.predicted)?.[1];
  const guess = `${className(cloud.predicted)}${share == null ? "" : `, ${percent(share)}`}`;
  if (cloud.wrong == null) return guess;
  return cloud.wrong ? `taken for ${guess}; it is ${className(cloud.true)}` : `${guess}, right`;
}

function showName(cloud) {
  byId("cloud-name").replaceChildren(nameElement(cloud.name));
  const line = byId("cloud-answer");
  line.replaceChildren();
  if (!report.clouds.includes(cloud)) {
    const kind = report.training.includes(cloud) ? "training cloud" : "without a label";
    const back = element("button", "link", "back to the gallery's");
    back.type = "button";
    back.addEventListener("click", () => showCloud(chosen().chosen ?? 0));
    line.append(element("span", "badge", kind), nameElement(className(cloud.true ?? cloud.predicted)), " · ", back);
    return;
  }
  if (cloud.wrong != null) line.append(element("span", cloud.wrong ? "badge wrong" : "badge right", cloud.wrong ? "✕ wrong" : "✓ right"));
  if (cloud.iou != null) {
    line.append(nameElement(className(cloud.true)), ` · IoU ${percent(cloud.iou, 1)}`);
  } else if (cloud.wrong) {
    line.append(nameElement(className(cloud.true)), " taken for ", nameElement(className(cloud.predicted)));
  } else if (cloud.predicted != null) {
    line.append(nameElement(className(cloud.predicted)));
  }
}

function showModes(cloud, mode) {
  const modes = modesOf(cloud);
  const group = byId("modes");
  const key = modes.map(({ name }) => name).join();
  if (group.dataset.key !== key) {
    group.dataset.key = key;
    group.replaceChildren(...modes.map(({ name, label }) => {
      const made = element("label");
      const input = element("input");
      Object.assign(input, { type: "radio", name: "mode", value: name });
      made.append(input, element("span", "", label));
      return made;
    }));
    group.hidden = modes.length < 2;
  }
  for (const input of group.querySelectorAll("input")) input.checked = input.value === mode;
}

function showLegend(legend) {
  const place = byId("legend");
  place.replaceChildren();
  if (legend.note) place.append(element("span", "quiet", legend.note));
  if (legend.ramp) {
    const ramp = element("span", "ramp");
    const stops = Array.from({ length: 9 }, (_, at) => css(legend.ramp(at / 8)));
    ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    place.append(element("span", "", legend.from), ramp, element("span", "", legend.to));
    if (legend.name) place.append(" ", nameElement(legend.name));
  }
  for (const { text, color, name } of legend.items ?? []) {
    const item = element("span", "item");
    const swatch = element("span", "swatch");
    swatch.style.background = css(color);
    item.append(swatch, name ? nameElement(text) : text);
    place.append(item);
  }
  for (const scale of legend.scales ?? []) place.append(scaleSwitch(scale));
}

function scaleSwitch({ name, color, number }) {
  const label = element("label", "item");
  const input = element("input");
  Object.assign(input, { type: "checkbox", checked: !chosen().hidden.has(number) });
  input.addEventListener("change", () => {
    const hidden = new Set(chosen().hidden);
    if (input.checked) hidden.delete(number);
    else hidden.add(number);
    choose({ hidden });
    byId("legend").querySelectorAll("input")[number]?.focus();
  });
  const swatch = element("span", "swatch ring");
  swatch.style.borderColor = css(color);
  const text = element("span");
  text.append(nameElement(name));
  label.append(input, swatch, text);
  return label;
}

function showProbabilities(cloud) {
  const place = byId("probabilities");
  const all = cloud.probabilities ?? [];
  const shown = all.slice(0, 4);
  const truth = all.find(([label]) => label === cloud.true);
  if (truth && !shown.includes(truth)) shown[3] = truth;
  place.replaceChildren(...(report.suggestions.includes(cloud) ? [] : shown).map(([label, share]) => {
    const row = element("div", label === cloud.true ? "probability true" : "probability");
    const bar = element("span", "bar-track");
    const fill = element("span", "bar-fill");
    fill.style.width = `${100 * share}%`;
    bar.append(fill);
    const name = element("span", "name");
    name.append(nameElement(className(label)));
    if (label === cloud.true) name.append(element("span", "quiet", " true"));
    row.append(name, bar, element("span", "number", percent(share, 1)));
    return row;
  }));
}

function showNeighbors(cloud, view) {
  const place = byId("neighbors");
  const near = cloud.neighbors ?? [];
  place.hidden = near.length === 0;
  if (place.cloud === cloud) return;
  place.cloud = cloud;
  place.replaceChildren();
  if (!near.length) return;
  const row = element("div", "neighbor-row");
  for (const [index, distance] of near) {
    const other = report.training[index];
    const button = element("button", "neighbor");
    button.type = "button";
    const canvas = element("canvas");
    Object.assign(canvas, { width: 220, height: 220 });
    canvas.dataset.index = index;
    const text = element("span", other.true === cloud.true || cloud.true == null ? "caption" : "caption other");
    text.append(nameElement(className(other.true)), element("span", "quiet", ` ${distance.toFixed(3)}`));
    button.title = other.name;
    button.append(canvas, text);
    button.addEventListener("click", () => showOther(other));
    row.append(button);
    drawThumbnail(canvas, other, view);
  }
  place.append(element("h4", "", "Nearest training clouds"), row);
}
