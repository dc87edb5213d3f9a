// What the page was given: names and clouds, whose numbers are packed as base64 of whole numbers.

export const report = JSON.parse(document.getElementById("data").textContent);

const STEPS = 32767;

export function unpacked(text, Kind) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  return new Kind(bytes.buffer);
}

// Coordinates as the viewer wants them: right, up, toward the viewer. A cyclic shift of the axes is a rotation.
export function places(text) {
  const packed = unpacked(text, Int16Array);
  const up = "xyz".indexOf(report.up);
  const found = new Float32Array(packed.length);
  for (let at = 0; at < packed.length; at += 3) {
    found[at] = packed[at + ((up + 2) % 3)] / STEPS;
    found[at + 1] = packed[at + up] / STEPS;
    found[at + 2] = packed[at + ((up + 1) % 3)] / STEPS;
  }
  return found;
}

const opened = new WeakMap();

// The numbers of a cloud, unpacked when it is first looked at. `owner` is the nearest patch of each point.
export function numbers(cloud) {
  let found = opened.get(cloud);
  if (!found) {
    found = { positions: places(cloud.points) };
    found.count = found.positions.length / 3;
    if (cloud.colors) found.colors = unpacked(cloud.colors, Uint8Array);
    if (cloud.partsTrue) found.partsTrue = unpacked(cloud.partsTrue, Int16Array);
    if (cloud.partsPredicted) found.partsPredicted = unpacked(cloud.partsPredicted, Int16Array);
    if (cloud.centers) {
      found.centers = places(cloud.centers);
      found.owner = nearest(found.positions, found.centers);
    }
    found.selected = (cloud.selected ?? []).map((scale) => places(scale.centers));
    opened.set(cloud, found);
  }
  return found;
}

function nearest(points, centers) {
  const owner = new Uint16Array(points.length / 3);
  for (let at = 0; at < owner.length; at++) {
    let best = Infinity;
    for (let center = 0; center < centers.length / 3; center++) {
      const x = points[3 * at] - centers[3 * center];
      const y = points[3 * at + 1] - centers[3 * center + 1];
      const z = points[3 * at + 2] - centers[3 * center + 2];
      const distance = x * x + y * y + z * z;
      if (distance < best) [best, owner[at]] = [distance, center];
    }
  }
  return owner;
}

export function className(index) {
  return index == null || index < 0 ? "unknown" : report.names[index];
}

export function percent(share, digits = 0) {
  return share == null ? "–" : `${(100 * share).toFixed(digits)}\u00a0%`;
}

// An element with text; names come in as text alone, never as markup.
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// A name in a frame that keeps its direction of writing to itself.
export function nameElement(text) {
  return element("bdi", "", text);
}
