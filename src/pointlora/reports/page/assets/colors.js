// Colours that colour-blind readers tell apart, on a light and on a dark ground.

const wantsDark = matchMedia("(prefers-color-scheme: dark)");
let printing = false;

export const isDark = () => wantsDark.matches && !printing;

// Calls back when the ground changes: the system's scheme, or paper, which is always light and doesn't wait for a frame.
export function onScheme(callback) {
  wantsDark.addEventListener("change", () => callback(false));
  for (const event of ["beforeprint", "afterprint"]) {
    addEventListener(event, () => {
      printing = event === "beforeprint";
      callback(printing);
    });
  }
}

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// Okabe and Ito, "Color universal design" (2008), ordered such that the first differ in lightness too.
const QUALITATIVE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"].map(rgb);
// Of the scales of selection, the finest first.
const SCALES = ["#d55e00", "#0072b2", "#009e73", "#cc79a7"].map(rgb);
const SCALES_ON_DARK = ["#ff8a3d", "#56b4e9", "#2fd0a0", "#e69fc4"].map(rgb);
// Viridis at nine places, by van der Walt and Smith; its ends are left out where the ground would swallow them.
const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"].map(rgb);

function between(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  return stops[low].map((value, channel) => value + (at - low) * (stops[low + 1][channel] - value));
}

export function heightColor(share) {
  return isDark() ? between(VIRIDIS, 0.3 + 0.7 * share) : between(VIRIDIS, 0.06 + 0.84 * share);
}

// From the ground's grey to a strong orange: how much.
export function amountColor(share) {
  const stops = isDark() ? ["#4a5159", "#8a5a2b", "#e08214", "#ffd28a"] : ["#c9cdd2", "#f3b56b", "#d55e00", "#8c2d04"];
  return between(stops.map(rgb), share);
}

// Blue for what speaks for, orange for what speaks against; grey in the middle. From -1 to 1.
export function effectColor(share) {
  const stops = isDark() ? ["#ff9a3d", "#a3673a", "#565d65", "#3f86b8", "#63c1ff"] : ["#b84a00", "#e8a56c", "#c4c8cd", "#6fabd3", "#005a96"];
  return between(stops.map(rgb), (share + 1) / 2);
}

export const plainColor = () => (isDark() ? rgb("#6b737c") : rgb("#b4b9bf"));
export const faintColor = () => (isDark() ? rgb("#3a4047") : rgb("#dcdfe2"));
export const wrongColor = () => (isDark() ? rgb("#ff7a45") : rgb("#d55e00"));
export const rightColor = () => (isDark() ? rgb("#5f7f96") : rgb("#a9bccb"));
export const scaleColor = (number) => (isDark() ? SCALES_ON_DARK : SCALES)[number % SCALES.length];

// After the seven come a dark and a light shade of each, as in the pictures of `pointlora predict`.
export function groupColor(number) {
  const base = QUALITATIVE[number % QUALITATIVE.length];
  const shade = Math.floor(number / QUALITATIVE.length) % 3;
  const own = shade === 0 ? base : base.map((value) => (shade === 1 ? value / 2 : 255 - 0.4 * (255 - value)));
  return isDark() ? own.map((value) => value + 0.18 * (255 - value)) : own;
}

export const css = (color) => `rgb(${color.map(Math.round).join(" ")})`;

// The ground that clouds are drawn on, as the style sheet has it.
export function ground() {
  return isDark() ? rgb("#0d0f11") : rgb("#f6f6f4");
}
