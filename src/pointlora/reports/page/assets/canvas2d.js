// Clouds as shaded balls on a plain canvas, with a depth for each pixel: thumbnails, and the viewer without WebGL.
import { ground } from "./colors.js";
import { lens, reachOf, seen } from "./camera.js";

const LIGHT = [-0.42, 0.58, 0.7];
const FADE = 0.42;
const masks = new Map();
let [pixels, depths] = [new Uint32Array(0), new Float32Array(0)];

// Offsets, heights and brightnesses of a ball of so many quarters of a pixel.
function mask(quarters) {
  if (masks.has(quarters)) return masks.get(quarters);
  const radius = quarters / 4;
  const found = [];
  for (let y = -Math.floor(radius); y <= radius; y++) {
    for (let x = -Math.floor(radius); x <= radius; x++) {
      const rest = radius * radius - x * x - y * y;
      if (rest < 0) continue;
      const height = Math.sqrt(rest) / Math.max(radius, 1e-6);
      const facing = (x / radius) * LIGHT[0] - (y / radius) * LIGHT[1] + height * LIGHT[2];
      found.push([x, y, height, shade(facing)]);
    }
  }
  masks.set(quarters, found);
  return found;
}

const shade = (facing) => 0.6 + 0.46 * Math.max(facing, 0);

export function drawOnCanvas(canvas, scene, view) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  if (depths.length < width * height) depths = new Float32Array(width * height);
  const image = context.createImageData(width, height);
  pixels = new Uint32Array(image.data.buffer);
  const back = ground();
  pixels.fill(packed(...back));
  depths.fill(-Infinity, 0, width * height);
  const reach = reachOf(scene.positions);
  const { distance, scale } = lens(view, reach, width, height);
  const balls = seen(scene.positions, view);
  for (let at = 0; at < balls.length; at += 3) {
    const nearness = scale / (distance - balls[at + 2]);
    const size = scene.faint?.[at / 3] ? 0.45 : 1;
    const quarters = Math.max(2, Math.round(4 * size * scene.radius * nearness));
    const far = FADE * Math.min(Math.max((reach - balls[at + 2]) / (2 * reach), 0), 1) ** 1.3;
    ball(width, height, width / 2 + balls[at] * nearness, height / 2 - balls[at + 1] * nearness, balls[at + 2], scene.radius, mask(quarters), scene.colors, at, back, far);
  }
  context.putImageData(image, 0, 0);
  rings(context, scene, view, distance, scale, width, height);
}

const packed = (red, green, blue) => 0xff000000 | (blue << 16) | (green << 8) | red;

function ball(width, height, x, y, depth, radius, cells, colors, at, back, far) {
  const [left, top] = [Math.round(x), Math.round(y)];
  for (const [across, down, up, bright] of cells) {
    const [column, row] = [left + across, top + down];
    if (column < 0 || row < 0 || column >= width || row >= height) continue;
    const place = row * width + column;
    const near = depth + radius * up;
    if (near <= depths[place]) continue;
    depths[place] = near;
    const red = Math.min(colors[at] * bright, 255);
    const green = Math.min(colors[at + 1] * bright, 255);
    const blue = Math.min(colors[at + 2] * bright, 255);
    pixels[place] = packed(red + far * (back[0] - red), green + far * (back[1] - green), blue + far * (back[2] - blue));
  }
}

// Rings lie on top; those on the far side are paler.
function rings(context, scene, view, distance, scale, width, height) {
  for (const ring of scene.rings) {
    const [x, y, z] = seen(ring.at, view);
    const nearness = scale / (distance - z);
    context.globalAlpha = z > -0.15 ? 1 : 0.3;
    context.strokeStyle = `rgb(${ring.color.map(Math.round).join(" ")})`;
    context.lineWidth = Math.max(1.5, width / 260);
    context.beginPath();
    context.arc(width / 2 + x * nearness, height / 2 - y * nearness, ring.radius * nearness, 0, 2 * Math.PI);
    context.stroke();
  }
  context.globalAlpha = 1;
}
