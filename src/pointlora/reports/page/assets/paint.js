// From a cloud and a way to colour it to a scene: balls and rings with colours, and a legend.
import { numbers, report, className, percent } from "./data.js";
import { heightColor, amountColor, effectColor, plainColor, faintColor, wrongColor, rightColor, scaleColor, groupColor } from "./colors.js";

const MODES = [
  ["predicted", "Predicted parts", (cloud) => cloud.partsPredicted],
  ["true", "True parts", (cloud) => cloud.partsTrue],
  ["difference", "Difference", (cloud) => cloud.partsTrue && cloud.partsPredicted],
  ["height", "Height", () => true],
  ["file", "File colour", (cloud) => cloud.colors],
  ["selected", "Selected tokens", (cloud) => cloud.selected?.length],
  ["attention", "Attention", (cloud) => cloud.attention],
  ["explanation", "What decides", (cloud) => cloud.explanation],
];

export const modesOf = (cloud) => MODES.filter(([, , has]) => has(cloud)).map(([name, label]) => ({ name, label }));

export const firstMode = (cloud) => modesOf(cloud)[0].name;

// `dropped` is a patch that is left out, `hidden` the numbers of scales that aren't shown.
export function paint(cloud, mode, { dropped = null, hidden = new Set() } = {}) {
  const found = numbers(cloud);
  const scene = { positions: found.positions, colors: new Uint8Array(3 * found.count), radius: ballRadius(found.count), rings: [], faint: null };
  const legend = PAINTERS[mode](cloud, found, scene, { dropped, hidden });
  return { scene, legend };
}

// Fewer points are larger, such that a surface looks closed.
const ballRadius = (count) => Math.min(0.06, 1.02 / Math.sqrt(Math.max(count, 1)));

function fill(scene, colorOf) {
  for (let at = 0; at < scene.colors.length / 3; at++) scene.colors.set(colorOf(at), 3 * at);
}

const PAINTERS = {
  height(cloud, found, scene) {
    let [low, high] = [Infinity, -Infinity];
    for (let at = 1; at < found.positions.length; at += 3) {
      low = Math.min(low, found.positions[at]);
      high = Math.max(high, found.positions[at]);
    }
    fill(scene, (at) => heightColor((found.positions[3 * at + 1] - low) / Math.max(high - low, 1e-6)));
    return { ramp: heightColor, from: "low", to: "high" };
  },

  file(cloud, found, scene) {
    scene.colors.set(found.colors);
    return { note: "The colours that the file holds." };
  },

  selected(cloud, found, scene, { hidden }) {
    fill(scene, plainColor);
    // Coarser scales get larger rings, so that a center that several scales chose shows all of them.
    for (let number = found.selected.length - 1; number >= 0; number--) {
      if (hidden.has(number)) continue;
      const centers = found.selected[number];
      tint(scene, centers, scaleColor(number));
      for (let at = 0; at < centers.length; at += 3) {
        scene.rings.push({ at: centers.subarray(at, at + 3), color: scaleColor(number), radius: 0.06 + 0.032 * number });
      }
    }
    return {
      scales: cloud.selected.map(({ name }, number) => ({ name, color: scaleColor(number), number })),
    };
  },

  attention(cloud, found, scene) {
    const most = Math.max(...cloud.attention, 1e-9);
    fill(scene, (at) => amountColor(cloud.attention[found.owner[at]] / most));
    return { ramp: amountColor, from: "none", to: `${percent(most, 1)} of the class token's attention` };
  },

  explanation(cloud, found, scene, { dropped }) {
    const { probability, without, label } = cloud.explanation;
    const most = Math.max(...without.map((share) => Math.abs(probability - share)), 1e-9);
    fill(scene, (at) => effectColor((probability - without[found.owner[at]]) / most));
    if (dropped !== null) {
      scene.faint = new Uint8Array(found.count);
      for (let at = 0; at < found.count; at++) {
        if (found.owner[at] !== dropped) continue;
        scene.faint[at] = 1;
        scene.colors.set(faintColor(), 3 * at);
      }
    }
    return { ramp: (share) => effectColor(2 * share - 1), from: "speaks against", to: "speaks for", name: className(label) };
  },

  true: (cloud, found, scene) => paintParts(cloud, found.partsTrue, scene),
  predicted: (cloud, found, scene) => paintParts(cloud, found.partsPredicted, scene),

  difference(cloud, found, scene) {
    const differs = (at) => found.partsTrue[at] !== found.partsPredicted[at];
    fill(scene, (at) => (differs(at) ? wrongColor() : rightColor()));
    let wrong = 0;
    for (let at = 0; at < found.count; at++) wrong += differs(at);
    return {
      items: [
        { text: `right, ${percent(1 - wrong / found.count, 1)} of the points`, color: rightColor() },
        { text: `wrong, ${percent(wrong / found.count, 1)}`, color: wrongColor() },
      ],
    };
  },
};

// The points next to a selected center take its colour, such that a token is seen as a patch.
function tint(scene, centers, color) {
  const reach = (2.6 * scene.radius) ** 2;
  for (let at = 0; at < scene.positions.length; at += 3) {
    for (let center = 0; center < centers.length; center += 3) {
      const x = scene.positions[at] - centers[center];
      const y = scene.positions[at + 1] - centers[center + 1];
      const z = scene.positions[at + 2] - centers[center + 2];
      if (x * x + y * y + z * z < reach) {
        scene.colors.set(color, at);
        break;
      }
    }
  }
}

function paintParts(cloud, parts, scene) {
  const order = partOrder(cloud);
  const seen = new Map();
  fill(scene, (at) => {
    seen.set(parts[at], (seen.get(parts[at]) ?? 0) + 1);
    return parts[at] < 0 ? plainColor() : groupColor(order.get(parts[at]) ?? parts[at]);
  });
  const largest = [...seen].sort((one, other) => other[1] - one[1]);
  return {
    items: largest.map(([part]) => ({
      text: part < 0 ? "no part" : report.partNames[part],
      color: part < 0 ? plainColor() : groupColor(order.get(part) ?? part),
      name: true,
    })),
  };
}

let orders = null;

// Part -> place among the parts that clouds of its category have: so that most clouds need only the first colours.
function partOrder(cloud) {
  if (!orders) {
    orders = new Map();
    for (const other of [...report.clouds, ...report.training]) {
      const key = other.true ?? other.predicted ?? -1;
      if (!orders.has(key)) orders.set(key, new Set());
      for (const text of [numbers(other).partsTrue, numbers(other).partsPredicted]) {
        for (const part of text ?? []) if (part >= 0) orders.get(key).add(part);
      }
    }
    for (const [key, parts] of orders) {
      orders.set(key, new Map([...parts].sort((one, other) => one - other).map((part, place) => [part, place])));
    }
  }
  return orders.get(cloud.true ?? cloud.predicted ?? -1) ?? new Map();
}
