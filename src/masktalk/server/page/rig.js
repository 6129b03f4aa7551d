// The rig editor: points on the picture that mouse, touch and keyboard can move.

import { LIPS, OUTLINES } from "./mesh.js";

const SVG = "http://www.w3.org/2000/svg";
const NAMES = {
  left_eye: "Outer corner of the left eye",
  right_eye: "Outer corner of the right eye",
  left_corner: "Left corner of the mouth",
  upper_lip: "Upper lip",
  right_corner: "Right corner of the mouth",
  lower_lip: "Lower lip",
  chin: "Chin",
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const make = (name, attributes, parent) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
};

export class RigEditor {
  #svg; #rig = null; #points = {}; #marks = {}; #mesh = null; #closer = true; #onChange; #history = []; #lastChange = {};

  /** `onChange()` is called whenever a person has moved a point. */
  constructor(svg, onChange) {
    this.#svg = svg;
    this.#onChange = onChange;
    this.moved = false;
  }

  /** Points as the server takes them. */
  get points() {
    return Object.fromEntries(Object.entries(this.#points).map(([name, [x, y]]) => [name, [
      Math.round(x * 10) / 10, Math.round(y * 10) / 10,
    ]]));
  }

  show(rig, picture) {
    this.#rig = rig;
    this.moved = false;
    this.#history = [];
    this.#lastChange = {};
    this.#points = {};
    for (const name of Object.keys(NAMES)) {
      if (rig.points[name]) this.#points[name] = [...rig.points[name]];
    }
    this.#svg.replaceChildren();
    this.#svg.setAttribute("aria-label", "Rig points on the picture");
    make("image", { href: picture, width: rig.width, height: rig.height }, this.#svg);
    this.#drawMesh();
    this.#marks = {};
    for (const name of Object.keys(this.#points)) this.#drawPoint(name);
    this.#frame();
  }

  showMesh(shown) {
    if (this.#mesh) this.#mesh.style.display = shown ? "" : "none";
  }

  zoom(closer) {
    this.#closer = closer;
    if (this.#rig) this.#frame();
  }

  #drawMesh() {
    this.#mesh = make("g", { "aria-hidden": "true" }, this.#svg);
    const { mesh } = this.#rig;
    if (!mesh) return;
    const radius = this.#unit() * 0.0085;
    for (const [x, y] of mesh) make("circle", { cx: x, cy: y, r: radius, class: "mesh" }, this.#mesh);
    const line = (indices) => indices.map((i) => mesh[i].join(",")).join(" ");
    for (const indices of OUTLINES) make("polyline", { points: line(indices), class: "outline" }, this.#mesh);
    for (const indices of LIPS) make("polyline", { points: line(indices), class: "lips" }, this.#mesh);
  }

  #unit() {
    const { left_eye: a, right_eye: b, left_corner: c, right_corner: d } = this.#points;
    const far = (p, q) => (p && q ? Math.hypot(p[0] - q[0], p[1] - q[1]) : 0);
    return Math.max(far(a, b), far(c, d) * 1.6, 20);
  }

  #drawPoint(name) {
    const mark = make("g", { class: "point", tabindex: "0", role: "button" }, this.#svg);
    make("circle", { r: 22, class: "reach" }, mark);
    make("circle", { r: 7, class: "dot" }, mark);
    const label = make("text", { class: "name", "text-anchor": "middle" }, this.#svg);
    label.textContent = NAMES[name];
    this.#marks[name] = { mark, label };
    mark.addEventListener("pointerdown", (event) => this.#hold(name, event));
    mark.addEventListener("keydown", (event) => this.#nudge(name, event));
  }

  #hold(name, event) {
    event.preventDefault();
    const { mark } = this.#marks[name];
    mark.focus({ preventScroll: true });
    mark.setPointerCapture(event.pointerId);
    mark.classList.add("held");
    const start = this.#toPicture(event);
    const offset = [this.#points[name][0] - start[0], this.#points[name][1] - start[1]];
    const move = (now) => {
      const [x, y] = this.#toPicture(now);
      this.#place(name, x + offset[0], y + offset[1]);
    };
    const drop = () => {
      mark.classList.remove("held");
      mark.removeEventListener("pointermove", move);
    };
    mark.addEventListener("pointermove", move);
    mark.addEventListener("lostpointercapture", drop, { once: true });
  }

  #nudge(name, event) {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    const step = (event.shiftKey ? 10 : 1) * Math.max(this.#unit() / 120, 0.5);
    const [x, y] = this.#points[name];
    this.#place(name, x + arrow[0] * step, y + arrow[1] * step);
  }

  /** Takes back the last change; false when there is none. */
  undo() {
    const before = this.#history.pop();
    if (!before) return false;
    this.#points = before;
    this.moved = this.#history.length > 0;
    this.#arrange();
    this.#onChange();
    return true;
  }

  /** Takes back every change. */
  reset() {
    while (this.#history.length > 1) this.#history.pop();
    this.undo();
  }

  get canUndo() {
    return this.#history.length > 0;
  }

  /** Remembers the points as they are before a change; a held key is one change. */
  #remember(name) {
    const now = performance.now();
    if (this.#lastChange.name !== name || now - this.#lastChange.at > 800) {
      this.#history.push(structuredClone(this.#points));
    }
    this.#lastChange = { name, at: now };
  }

  #place(name, x, y) {
    this.#remember(name);
    const clamp = (value, most) => Math.min(Math.max(value, 0), most);
    this.#points[name] = [clamp(x, this.#rig.width), clamp(y, this.#rig.height)];
    this.moved = true;
    this.#arrange(name);
    this.#onChange();
  }

  /** Where in the picture the pointer is. */
  #toPicture(event) {
    const matrix = this.#svg.getScreenCTM().inverse();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return [point.x, point.y];
  }

  #frame() {
    const { width, height } = this.#rig;
    let box = [0, 0, width, height];
    if (this.#closer) {
      const all = Object.values(this.#points);
      const xs = all.map(([x]) => x), ys = all.map(([, y]) => y);
      const unit = this.#unit();
      const size = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)) + unit * 1.3;
      const cx = (Math.min(...xs) + Math.max(...xs)) / 2, cy = (Math.min(...ys) + Math.max(...ys)) / 2;
      box = [cx - size / 2, cy - size / 2, size, size];
    }
    this.#svg.setAttribute("viewBox", box.join(" "));
    this.#arrange();
  }

  #arrange(only) {
    const scale = 1 / (this.#svg.getScreenCTM()?.a || 1);
    for (const [name, { mark, label }] of Object.entries(this.#marks)) {
      if (only && only !== name) continue;
      const [x, y] = this.#points[name];
      mark.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
      mark.setAttribute("aria-label", `${NAMES[name]}, at ${Math.round(x)}, ${Math.round(y)}. Move with the arrow keys.`);
      label.setAttribute("transform", `translate(${x} ${y}) scale(${scale}) translate(0 -20)`);
      label.setAttribute("font-size", "14");
    }
  }

  /** Call when the size on screen has changed. */
  resized() {
    if (this.#rig) this.#arrange();
  }
}
