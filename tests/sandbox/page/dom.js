// DOM helpers and times. Every string that reaches the page goes through `el` as a text node or an attribute
// value, never through innerHTML, so text from a directory can't become markup.

const LOCALE = "en-GB";
const DAY_MS = 86_400_000;

/** Makes an element; functions are listeners (`onclick`), `data` is the dataset, null and false are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "data") setData(node, value);
    else if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function setData(node, values) {
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== null) node.dataset[name] = value;
  }
}

/** Makes `parent`'s children match `items` by key: creates, updates and orders, and leaves the rest untouched. */
export function reconcile(parent, items, key, create, update) {
  const had = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    const node = had.get(id) ?? create(item);
    node.dataset.key = id;
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    update(node, item, !had.has(id));
    had.delete(id);
  }
  for (const gone of had.values()) gone.remove();
}

/** Makes `nodes` the children of `parent`; those that stay are not taken out in between, so they keep their focus. */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

const drawnFrom = new WeakMap();

/** Draws `node` again only when `value` differs from what it shows; answers whether it did. Focus survives. */
export function redraw(node, value, draw) {
  const signature = JSON.stringify(value);
  if (drawnFrom.get(node) === signature) return false;
  drawnFrom.set(node, signature);
  keepFocus(node, () => node.replaceChildren(...[draw()].flat(Infinity)));
  return true;
}

/** Runs `work`, and if that took away what had the focus in `node`, moves on to what stands in its place. */
export function keepFocus(node, work) {
  const active = document.activeElement;
  if (!node.contains(active)) return work();
  const [exact, alike] = [describe(active, active.value), describe(active)];
  const caret = active.selectionStart === undefined ? null : [active.selectionStart, active.selectionEnd];
  work();
  if (document.activeElement === active) return;
  const all = [...node.querySelectorAll("button, a, input, select, textarea")];
  const again = all.find((one) => describe(one, one.value) === exact) ?? all.find((one) => describe(one) === alike);
  (again ?? node.closest("[tabindex]"))?.focus({ preventScroll: true });
  if (again && caret?.[0] !== null && caret) again.setSelectionRange(...caret);
}

/** What tells a control from the others around it; `value` only where that tells more. */
export function describe(node, value = "") {
  const { blockId, actionId } = node.dataset;
  return [node.tagName, node.id, blockId, actionId, value].join("|");
}

/** A soft flash for something that changed. */
export function flash(node) {
  node.classList.remove("flash");
  void node.offsetWidth; // restarts the animation
  node.classList.add("flash");
}

/**
 * A link target that is safe to follow, or null: a javascript: URL from untrusted text must stay text. The admin
 * console of the org is a page of this server.
 */
export function safeUrl(text) {
  if (!/^(https?:\/\/|mailto:|tel:)/i.test(text ?? "")) return null;
  return text.match(/^https?:\/\/[^/]+(\/admin\/user\/profile\/view\/[\w-]+)$/i)?.[1] ?? text;
}

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
const formats = new Map(); // making one takes far longer than using it
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "always" });

function format(date, options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(LOCALE, options));
  return formats.get(key).format(date);
}

export const timeOfDay = (date) => format(date, { hour: "2-digit", minute: "2-digit" });
export const shortDate = (date) => format(date, { day: "numeric", month: "short", year: "numeric" });
export const dayAndMonth = (date) => format(date, { day: "numeric", month: "short" });
export const fullTime = (date) => `${format(date, { dateStyle: "full", timeStyle: "medium" })} (${zone()})`;
export const clockText = (date) =>
  format(date, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function dayName(date, now) {
  const near = nearDay(date, now);
  return near ? near[0].toUpperCase() + near.slice(1) : format(date, { weekday: "long", day: "numeric", month: "long" });
}

function nearDay(date, now) {
  const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(date) - midnight(now)) / DAY_MS);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days] ?? null;
}

/** "3 days ago", "in 2 hours", "just now". */
export function ago(date, now) {
  const seconds = (date - now) / 1000;
  // No months: they are too coarse for idle times, which rules count in days.
  const units = [["year", 31_536_000], ["day", 86_400], ["hour", 3600], ["minute", 60]];
  const unit = units.find(([, size]) => Math.abs(seconds) >= size);
  if (!unit) return "just now";
  return relative.format(Math.trunc(seconds / unit[1]), unit[0]);
}

/** Fills a Slack date format (`{date_short_pretty} {time}`) in the reader's zone. */
export function slackDate(unix, pattern, now) {
  const date = new Date(unix * 1000);
  const styles = {
    date_num: () => format(date, { year: "numeric", month: "2-digit", day: "2-digit" }).split("/").reverse().join("-"),
    date: () => format(date, { day: "numeric", month: "long", year: "numeric" }),
    date_short: () => shortDate(date),
    date_long: () => format(date, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    time: () => timeOfDay(date),
    time_secs: () => format(date, { timeStyle: "medium" }),
    ago: () => ago(date, now),
  };
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => {
    const plain = name.replace(/_pretty$/, "");
    const near = name === plain ? null : nearDay(date, now);
    return near ?? styles[plain]?.() ?? whole;
  });
}
