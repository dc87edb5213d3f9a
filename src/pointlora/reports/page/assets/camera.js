// Where a cloud is seen from. Angles are in radians; `reach` is the radius of the ball that must be in sight.

const HALF_ANGLE = (14 * Math.PI) / 180;
const FIRST = { azimuth: (35 * Math.PI) / 180, elevation: (20 * Math.PI) / 180, zoom: 1 };

export const firstView = () => ({ ...FIRST });

export function turned(view, right, up) {
  const limit = Math.PI / 2 - 0.01;
  return { ...view, azimuth: view.azimuth + right, elevation: Math.min(Math.max(view.elevation + up, -limit), limit) };
}

export const zoomed = (view, factor) => ({ ...view, zoom: Math.min(Math.max(view.zoom * factor, 0.6), 8) });

// What both ways to draw need: the distance of the eye, and pixels of a unit at distance 1.
export function lens(view, reach, width, height) {
  const distance = reach / Math.sin(HALF_ANGLE);
  const size = Math.min(width, height);
  return { distance, scale: (view.zoom * size) / 2 / Math.tan(HALF_ANGLE), angle: HALF_ANGLE };
}

// Right, up and toward the viewer of each point, into `into` of the same length.
export function seen(positions, view, into = new Float32Array(positions.length)) {
  const [ca, sa, ce, se] = [Math.cos(view.azimuth), Math.sin(view.azimuth), Math.cos(view.elevation), Math.sin(view.elevation)];
  for (let at = 0; at < positions.length; at += 3) {
    const [x, y, z] = [positions[at], positions[at + 1], positions[at + 2]];
    const forward = z * ca + x * sa;
    into[at] = x * ca - z * sa;
    into[at + 1] = y * ce - forward * se;
    into[at + 2] = forward * ce + y * se;
  }
  return into;
}

const reaches = new WeakMap();

export function reachOf(positions) {
  if (!reaches.has(positions)) {
    let most = 1e-6;
    for (let at = 0; at < positions.length; at += 3) most = Math.max(most, Math.hypot(positions[at], positions[at + 1], positions[at + 2]));
    reaches.set(positions, 1.02 * most);
  }
  return reaches.get(positions);
}
