// What the reader has chosen, and who wants to know of it.
import { report } from "./data.js";

// `shown` is the cloud in the viewer, `chosen` its place in the gallery (null for one that isn't there).
const state = { shown: null, chosen: null, mode: null, dropped: null, hidden: new Set(), answer: "", true: "", predicted: "" };
const listeners = [];

export const chosen = () => state;

export function listen(listener) {
  listeners.push(listener);
}

export function choose(changes) {
  const before = { ...state };
  Object.assign(state, changes);
  for (const listener of listeners) listener(state, before);
}

export function showCloud(index) {
  choose({ shown: report.clouds[index], chosen: index, dropped: null });
}

// A cloud that stands beside the gallery: a neighbour from the training set, or one without a label.
export function showOther(cloud) {
  choose({ shown: cloud, dropped: null });
}

export function filterBy(changes) {
  choose({ answer: "", true: "", predicted: "", ...changes });
}

// Places in the gallery of the clouds that the filters leave, the most surprising first.
export function filtered() {
  const found = [];
  report.clouds.forEach((cloud, index) => {
    if (state.answer && cloud.wrong !== (state.answer === "wrong")) return;
    if (state.true !== "" && cloud.true !== Number(state.true)) return;
    if (state.predicted !== "" && cloud.predicted !== Number(state.predicted)) return;
    found.push(index);
  });
  return found;
}
