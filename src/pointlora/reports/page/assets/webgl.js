// The same balls and rings through three.js, on the graphics card. Throws where there is no WebGL.
import { ground } from "./colors.js";
import { lens, reachOf } from "./camera.js";

const VERTEX = `
  attribute vec3 tone;
  attribute float size;
  attribute float ring;
  uniform float scale;
  uniform float reach;
  uniform float distance;
  varying vec3 vTone;
  varying float vRing;
  varying float vFar;
  varying float vPixels;
  void main() {
    vec4 place = modelViewMatrix * vec4(position, 1.0);
    vTone = tone;
    vRing = ring;
    vFar = clamp((-place.z - distance + reach) / (2.0 * reach), 0.0, 1.0);
    gl_PointSize = max(2.0 * size * scale / -place.z, 1.5);
    vPixels = gl_PointSize;
    if (ring > 0.5) place.z += 0.12;
    gl_Position = projectionMatrix * place;
  }`;

const FRAGMENT = `
  uniform vec3 ground;
  varying vec3 vTone;
  varying float vRing;
  varying float vFar;
  varying float vPixels;
  void main() {
    vec2 at = 2.0 * gl_PointCoord - 1.0;
    float away = dot(at, at);
    // The edge, a pixel wide, is covered in part.
    float cover = clamp(0.5 * vPixels * (1.0 - sqrt(away)), 0.0, 1.0);
    if (cover <= 0.0) discard;
    away = min(away, 1.0);
    if (vRing > 0.5) {
      if (sqrt(away) < 1.0 - max(0.16, 5.0 / vPixels)) discard;
      gl_FragColor = vec4(mix(vTone, ground, 0.75 * smoothstep(0.45, 0.75, vFar)), cover);
      return;
    }
    float facing = dot(vec3(at.x, -at.y, sqrt(1.0 - away)), vec3(-0.42, 0.58, 0.7));
    vec3 lit = min(vTone * (0.6 + 0.46 * max(facing, 0.0)), 1.0);
    gl_FragColor = vec4(mix(lit, ground, 0.42 * pow(vFar, 1.3)), cover);
  }`;

export function webglDrawer(canvas) {
  // Asked for here: three.js writes an error to the console where there is none, and takes one that isn't opaque.
  const context = canvas.getContext("webgl2", { alpha: false, antialias: true, preserveDrawingBuffer: true });
  if (!context) throw new Error("no WebGL 2");
  const renderer = new THREE.WebGLRenderer({ canvas, context });
  const world = new THREE.Scene();
  const eye = new THREE.PerspectiveCamera();
  const material = new THREE.ShaderMaterial({
    vertexShader: VERTEX,
    fragmentShader: FRAGMENT,
    alphaToCoverage: true,
    uniforms: { scale: { value: 1 }, reach: { value: 1 }, distance: { value: 1 }, ground: { value: [0, 0, 0] } },
  });
  let [cloud, shown] = [null, null];

  function load(scene) {
    if (cloud) {
      world.remove(cloud);
      cloud.geometry.dispose();
    }
    const count = scene.positions.length / 3;
    const total = count + scene.rings.length;
    const [position, tone] = [new Float32Array(3 * total), new Float32Array(3 * total)];
    const [size, ring] = [new Float32Array(total).fill(scene.radius), new Float32Array(total)];
    position.set(scene.positions);
    for (let at = 0; at < 3 * count; at++) tone[at] = scene.colors[at] / 255;
    for (let at = 0; at < count; at++) if (scene.faint?.[at]) size[at] *= 0.45;
    scene.rings.forEach((each, number) => {
      const at = count + number;
      position.set(each.at, 3 * at);
      tone.set(each.color.map((value) => value / 255), 3 * at);
      [size[at], ring[at]] = [each.radius, 1];
    });
    const geometry = new THREE.BufferGeometry();
    for (const [name, values, width] of [["position", position, 3], ["tone", tone, 3], ["size", size, 1], ["ring", ring, 1]]) {
      geometry.setAttribute(name, new THREE.BufferAttribute(values, width));
    }
    cloud = new THREE.Points(geometry, material);
    cloud.frustumCulled = false;
    world.add(cloud);
    shown = scene;
  }

  return (scene, view) => {
    const { width, height } = canvas;
    if (scene !== shown) load(scene);
    renderer.setPixelRatio(1);
    renderer.setSize(width, height, false);
    const reach = reachOf(scene.positions);
    const { distance, scale, angle } = lens(view, reach, width, height);
    const [red, green, blue] = ground();
    const back = [red / 255, green / 255, blue / 255];
    renderer.setClearColor((red << 16) | (green << 8) | blue, 1);
    Object.assign(material.uniforms, { scale: { value: scale }, reach: { value: reach }, distance: { value: distance }, ground: { value: back } });
    const aspect = width / height;
    // The angle holds for the shorter side.
    eye.fov = (2 * 180 * Math.atan(Math.tan(angle) * Math.max(1, 1 / aspect))) / Math.PI;
    eye.zoom = view.zoom;
    [eye.aspect, eye.near, eye.far] = [aspect, Math.max(distance - 2 * reach, 0.01), distance + 2 * reach];
    eye.updateProjectionMatrix();
    const flat = Math.cos(view.elevation);
    eye.position.set(distance * Math.sin(view.azimuth) * flat, distance * Math.sin(view.elevation), distance * Math.cos(view.azimuth) * flat);
    eye.lookAt(0, 0, 0);
    renderer.render(world, eye);
  };
}
