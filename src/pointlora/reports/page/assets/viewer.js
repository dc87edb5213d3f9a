// The one viewer: it shows a scene and turns it under mouse, finger and keys.
import { drawOnCanvas } from "./canvas2d.js";
import { webglDrawer } from "./webgl.js";
import { firstView, lens, reachOf, seen, turned, zoomed } from "./camera.js";

const STEP = Math.PI / 18;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export function createViewer(stage) {
  let canvas = stage.appendChild(document.createElement("canvas"));
  let draw;
  try {
    draw = webglDrawer(canvas);
    stage.dataset.drawnWith = "webgl";
  } catch {
    // A canvas that was asked for WebGL in vain may give no other context.
    const plain = document.createElement("canvas");
    canvas.replaceWith(plain);
    canvas = plain;
    draw = (scene, view) => drawOnCanvas(canvas, scene, view);
    stage.dataset.drawnWith = "canvas";
  }
  let [scene, view, waiting] = [null, firstView(), false];
  const listeners = { turn: [], pick: [] };

  function redraw() {
    if (waiting || !scene) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw(scene, view);
      for (const listener of listeners.turn) listener(view);
    });
  }

  function fit() {
    const sharpness = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [stage.clientWidth, stage.clientHeight].map((size) => Math.max(1, Math.round(size * sharpness)));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    redraw();
  }

  function set(next) {
    view = next;
    redraw();
  }

  new ResizeObserver(fit).observe(stage);
  listenToPointers(stage, () => view, set, (x, y) => pick(x, y));
  stage.addEventListener("keydown", (event) => {
    const next = afterKey(event, view);
    if (!next) return;
    event.preventDefault();
    glide(view, next, set);
  });

  // The point that is drawn nearest to a place, within 16 pixels.
  function pick(x, y) {
    const sharpness = canvas.width / stage.clientWidth;
    const { distance, scale } = lens(view, reachOf(scene.positions), canvas.width, canvas.height);
    const balls = seen(scene.positions, view);
    let [best, found] = [(16 * sharpness) ** 2, null];
    for (let at = 0; at < balls.length; at += 3) {
      const nearness = scale / (distance - balls[at + 2]);
      const across = canvas.width / 2 + balls[at] * nearness - x * sharpness;
      const down = canvas.height / 2 - balls[at + 1] * nearness - y * sharpness;
      const away = across * across + down * down - 40 * sharpness * balls[at + 2];
      if (across * across + down * down < (16 * sharpness) ** 2 && away < best) [best, found] = [away, at / 3];
    }
    if (found !== null) for (const listener of listeners.pick) listener(found);
  }

  return {
    show(next) {
      scene = next;
      fit();
    },
    drawNow() {
      if (scene) draw(scene, view);
    },
    view: () => view,
    on: (event, listener) => listeners[event].push(listener),
  };
}

function afterKey(event, view) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  switch (event.key) {
    case "ArrowLeft": return turned(view, STEP, 0);
    case "ArrowRight": return turned(view, -STEP, 0);
    case "ArrowUp": return turned(view, 0, STEP);
    case "ArrowDown": return turned(view, 0, -STEP);
    case "+": case "=": return zoomed(view, 1.2);
    case "-": return zoomed(view, 1 / 1.2);
    case "0": case "Home": return firstView();
    default: return null;
  }
}

let gliding = 0;

// A short way from one view to the next, unless the reader wants things still.
function glide(from, to, set) {
  cancelAnimationFrame(gliding);
  if (still.matches) return set(to);
  const start = performance.now();
  const step = (now) => {
    const share = Math.min((now - start) / 140, 1);
    const eased = 1 - (1 - share) ** 3;
    set(Object.fromEntries(Object.keys(to).map((key) => [key, from[key] + eased * (to[key] - from[key])])));
    if (share < 1) gliding = requestAnimationFrame(step);
  };
  gliding = requestAnimationFrame(step);
}

function listenToPointers(stage, view, set, click) {
  const held = new Map();
  let moved = 0;

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    cancelAnimationFrame(gliding);
    held.set(event.pointerId, [event.clientX, event.clientY]);
    stage.setPointerCapture(event.pointerId);
    if (held.size === 1) moved = 0;
  });

  stage.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    if (held.size === 1) {
      const [right, down] = [now[0] - before[0], now[1] - before[1]];
      moved += Math.abs(right) + Math.abs(down);
      // A drag across the stage is half a turn.
      const unit = Math.PI / stage.clientWidth;
      set(turned(view(), -right * unit, down * unit));
    } else {
      const other = [...held].find(([id]) => id !== event.pointerId)[1];
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      set(zoomed(view(), apart(now) / Math.max(apart(before), 1)));
      moved = Infinity;
    }
    held.set(event.pointerId, now);
  });

  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => {
      if (!held.delete(event.pointerId) || name === "pointercancel" || moved > 5) return;
      const box = stage.getBoundingClientRect();
      click(event.clientX - box.left, event.clientY - box.top);
    });
  }

  // The wheel scrolls the page unless the stage has the focus.
  stage.addEventListener("wheel", (event) => {
    if (document.activeElement !== stage && !event.ctrlKey) return;
    event.preventDefault();
    set(zoomed(view(), Math.exp(-event.deltaY / 500)));
  }, { passive: false });
}
