// The emoji the bot uses, as small drawings: a machine without an emoji font shows the same page.
// Any other :name: stays text, as Slack does with a name it doesn't know.

const SVG = "http://www.w3.org/2000/svg";
const line = (d, stroke, width = 2) =>
  ["path", { d, stroke, "stroke-width": width, fill: "none", "stroke-linecap": "round", "stroke-linejoin": "round" }];
const fill = (d, colour) => ["path", { d, fill: colour }];
const dot = (cx, cy, r, colour) => ["circle", { cx, cy, r, fill: colour }];
const box = (colour) => ["rect", { x: 1, y: 1, width: 18, height: 18, rx: 4, fill: colour }];
const person = (x, colour) => [dot(x, 6.5, 4, colour), fill(`M${x - 7} 18a7 6.5 0 0 1 14 0z`, colour)];
const eye = (x) => [["ellipse", { cx: x, cy: 10, rx: 4.2, ry: 6, fill: "#fff", stroke: "#555" }], dot(x + 1.2, 11, 2.1, "#333")];
const noEntry = [dot(10, 10, 9, "#d62f3a"), fill("M4.5 8.4h11v3.2h-11z", "#fff")];
const glass = [
  fill("M4 1h12v2H4zM4 17h12v2H4z", "#9a6b3f"),
  ["path", { d: "M5.5 3h9c0 4-3 5-3 7s3 3 3 7h-9c0-4 3-5 3-7s-3-3-3-7z", fill: "#e3f1fb", stroke: "#8fb6d1" }],
  fill("M7 6h6c-.6 1.6-2 2.4-3 3.6C9 8.4 7.6 7.6 7 6zM6.5 16.8c.3-2 2.2-2.8 3.5-2.8s3.2.8 3.5 2.8z", "#eeb54a"),
];
const padlock = (shackle) => [line(shackle, "#8a8f98", 2.2), ["rect", { x: 3.5, y: 8.5, width: 13, height: 10, rx: 2, fill: "#e8a723" }], dot(10, 13.2, 1.6, "#6b4a00")];

const DRAWINGS = {
  warning: [fill("M10 1.5 19.3 18H.7z", "#f5b400"), line("M10 7v5", "#3d2f00", 2.2), dot(10, 15.2, 1.3, "#3d2f00")],
  white_check_mark: [box("#2a9d5c"), line("M5 10.5l3.5 3.5L15 6.5", "#fff", 2.6)],
  heavy_check_mark: [line("M3.5 10.5l4.5 4.5L16.5 5", "#2a9d5c", 3)],
  x: [line("M4 4l12 12M16 4L4 16", "#d62f3a", 3.4)],
  hourglass_flowing_sand: glass,
  hourglass: glass,
  lock: padlock("M6.5 9V6a3.5 3.5 0 0 1 7 0v3"),
  unlock: padlock("M6.5 9V5a3.5 3.5 0 0 1 7-.5"),
  mag: [line("M12.5 12.5l5.5 5.5", "#6b5b4b", 3), ["circle", { cx: 8, cy: 8, r: 5.6, fill: "#dff0fb", stroke: "#5f7f96", "stroke-width": 2 }]],
  eyes: [...eye(5.4), ...eye(14.4)],
  no_entry: noEntry,
  no_entry_sign: [["circle", { cx: 10, cy: 10, r: 7.8, fill: "none", stroke: "#d62f3a", "stroke-width": 2.4 }], line("M4.6 4.6l10.8 10.8", "#d62f3a", 2.4)],
  arrows_counterclockwise: [box("#3b82c4"), line("M6 8.5a4.5 4.5 0 0 1 8-1.2M14 11.5a4.5 4.5 0 0 1-8 1.2", "#fff"), fill("M15.5 4.5v4h-4zM4.5 15.5v-4h4z", "#fff")],
  bust_in_silhouette: person(10, "#4f6d8f"),
  busts_in_silhouette: [...person(13.5, "#8ba3bd"), ...person(7.5, "#4f6d8f")],
  zzz: [line("M2 11h6l-6 7h6", "#3b82c4", 2.2), line("M9 6h4.5L9 11h4.5", "#5b9bd5", 1.9), line("M14.5 2H18l-3.5 3.5H18", "#8abbe6", 1.6)],
  tada: [fill("M2 18.5 7 7l6 6z", "#eeb54a"), line("M9.5 7c0-2 .8-4 2.5-5M13 10.5c2 0 4-.8 5-2", "#d9537f", 1.8), dot(15, 4.5, 1.4, "#3b82c4"), dot(17.5, 12.5, 1.3, "#2a9d5c"), dot(7, 3, 1.3, "#9b59b6")],
  information_source: [box("#3b82c4"), dot(10, 5.6, 1.5, "#fff"), line("M10 9.5v5.5", "#fff", 2.6)],
  rotating_light: [fill("M4.5 15V9.5a5.5 5.5 0 0 1 11 0V15z", "#e5343f"), fill("M3 15h14v3.5H3z", "#6f7681"), line("M10 1v1.2M3.2 4l1 1M16.8 4l-1 1", "#e5343f", 1.6), fill("M7 14V9.8a3 3 0 0 1 2-2.8V14z", "#ff9aa0")],
  bell: [fill("M10 2a5.5 5.5 0 0 0-5.5 5.5V12L3 15h14l-1.5-3V7.5A5.5 5.5 0 0 0 10 2z", "#eeb54a"), dot(10, 16.8, 2, "#b07d1a")],
  calendar: [["rect", { x: 2, y: 3, width: 16, height: 15, rx: 2, fill: "#fff", stroke: "#8a8f98" }], fill("M2 5a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v3H2z", "#d62f3a"), line("M6 12h.1M10 12h.1M14 12h.1M6 15.2h.1M10 15.2h.1", "#555", 2)],
  test_tube: [line("M13.5 2.5l4 4M15.5 4.5 6 14a2.5 2.5 0 0 1-3.5 0", "#7a8aa0"), fill("M8 8.5h6L7.5 15.5a3 3 0 1 1-4.2-4.2z", "#4db6ac")],
};

/** A drawing of `:name:`, or null when the page has none. */
export function emoji(name) {
  const shapes = Object.hasOwn(DRAWINGS, name) ? DRAWINGS[name] : null;
  if (!shapes) return null;
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 20 20", class: "emoji", role: "img", "aria-label": name.replaceAll("_", " ") };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  for (const [tag, shape] of shapes) {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(shape)) node.setAttribute(key, value);
    svg.append(node);
  }
  return svg;
}
