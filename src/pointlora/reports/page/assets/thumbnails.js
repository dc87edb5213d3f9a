// Small pictures, drawn when they come into sight.
import { drawOnCanvas } from "./canvas2d.js";
import { firstMode, paint } from "./paint.js";
import { firstView } from "./camera.js";

const pending = new Map();
const drawn = new Map();

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) drawPending(target);
  }
}, { rootMargin: "300px" });

export function thumbnailWhenSeen(canvas, cloud) {
  pending.set(canvas, cloud);
  observer.observe(canvas);
}

function drawPending(canvas) {
  if (!pending.has(canvas)) return;
  observer.unobserve(canvas);
  drawThumbnail(canvas, pending.get(canvas));
  pending.delete(canvas);
}

export function drawThumbnail(canvas, cloud, view = firstView()) {
  drawn.set(canvas, cloud);
  drawOnCanvas(canvas, paint(cloud, thumbnailMode(cloud)).scene, view);
}

const thumbnailMode = (cloud) => (firstMode(cloud) === "height" && cloud.colors ? "file" : firstMode(cloud));

export function redrawThumbnails(all = false) {
  // On paper everything is in sight.
  if (all) for (const canvas of [...pending.keys()]) if (canvas.isConnected) drawPending(canvas);
  for (const [canvas, cloud] of drawn) {
    if (canvas.isConnected) drawThumbnail(canvas, cloud);
    else drawn.delete(canvas);
  }
}
