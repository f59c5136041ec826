// The elements of Block Kit as controls. Each reports what a person did as a bubbling `block-action` event, and knows
// what its entry of Slack's state is.

import { el, safeUrl } from "./dom.js";
import { fileUrl } from "./files.js";
import { openMenu } from "./menu.js";
import { textObject, textOf } from "./text.js";

const TYPING_PAUSE_MS = 300; // after the last character, for inputs that report characters
const readers = new WeakMap(); // control -> () => its entry of the state
let nextId = 0;
export const uniqueId = (name) => `${name}-${++nextId}`;

/** The control's entry of Slack's state; undefined for what has none, such as a button. */
export const entryOf = (control) => readers.get(control)?.();

export function unknown(block) {
  return el("div", { class: "unknown" },
    `This page can’t draw a “${block.type ?? "?"}” block. `,
    el("details", {}, el("summary", {}, "Its JSON"), el("pre", {}, JSON.stringify(block, null, 2))));
}

/** The page loads nothing from outside, so only pictures inside the JSON, of this server, or uploaded to the fake are shown. */
export function picture(image, size) {
  const file = image.slack_file?.id;
  const url = file ? fileUrl(file) : (image.image_url ?? "");
  if (/^(data:image\/|\/(?!\/))/.test(url)) {
    return el("img", { class: `picture ${size}`, src: url, alt: image.alt_text ?? "", data: { fileId: file } });
  }
  return el("span", { class: `picture missing ${size}`, role: "img", "aria-label": image.alt_text, title: url }, image.alt_text ?? "image");
}

const ELEMENTS = {
  button,
  overflow,
  image: (element) => picture(element, "medium"),
  static_select: select,
  users_select: (element, block, ctx) => {
    const options = [...ctx.people.values()].map((one) => ({ text: one.name, value: one.id }));
    const entry = (option) => ({ selected_user: option?.value ?? null });
    return select({ ...element, options }, block, ctx, entry, (saved) => saved?.selected_user ?? element.initial_user);
  },
  checkboxes: (element, block, ctx) => choices(element, block, ctx, "checkbox"),
  radio_buttons: (element, block, ctx) => choices(element, block, ctx, "radio"),
  plain_text_input: textInput,
  datepicker: (element, block, ctx) => picker(element, block, ctx, "date"),
  timepicker: (element, block, ctx) => picker(element, block, ctx, "time"),
};

/** The control of an element in `block`. */
export function drawElement(element, block, ctx) {
  return Object.hasOwn(ELEMENTS, element.type) ? ELEMENTS[element.type](element, block, ctx) : unknown(element);
}

const ids = (element, block) => ({ blockId: block.block_id, actionId: element.action_id });
const saved = (element, block, ctx) => ctx.values?.[block.block_id]?.[element.action_id];

function report(control, element, block, fields) {
  const action = { type: element.type, block_id: block.block_id, action_id: element.action_id, ...fields };
  control.dispatchEvent(new CustomEvent("block-action", { bubbles: true, detail: { action, confirm: element.confirm, control } }));
}

/** Elements outside an input block report each change; inside one only when the block asks for it. */
const dispatches = (block) => block.type !== "input" || block.dispatch_action === true;

function button(element, block, ctx) {
  const node = el("button", {
    type: "button", class: `bk-button ${element.style ?? ""}`, value: element.value, data: ids(element, block),
    "aria-label": element.accessibility_label,
    onclick: () => {
      if (safeUrl(element.url)) window.open(safeUrl(element.url), "_blank", "noopener,noreferrer");
      report(node, element, block, { text: element.text, value: element.value });
    },
  }, textObject(element.text, ctx));
  return node;
}

function overflow(element, block, ctx) {
  const open = (at) => openMenu(node, (element.options ?? []).map((option) => ({
    label: [textObject(option.text, ctx), option.description && el("small", {}, textObject(option.description, ctx))],
    value: option.value, href: safeUrl(option.url),
    run: () => report(node, element, block, { selected_option: option }),
  })), at);
  const node = el("button", {
    type: "button", class: "bk-overflow", data: ids(element, block),
    "aria-label": element.accessibility_label ?? moreAbout(block, ctx), "aria-haspopup": "menu", "aria-expanded": "false",
    onclick: () => open(0),
    onkeydown: (event) => {
      const at = { ArrowDown: 0, ArrowUp: -1 }[event.key];
      if (at === undefined) return;
      event.preventDefault();
      open(at);
    },
  }, "⋯");
  return node;
}

/** Many menus stand in a list: each is named by the first line of the text that it stands beside. */
function moreAbout(block, ctx) {
  const [line] = (block.text?.text ?? "").split("\n");
  const about = el("span", {}, textObject(block.text && { ...block.text, text: line }, ctx)).textContent;
  return about ? `More actions: ${about}` : "More actions";
}

const optionEntry = (option) => ({ selected_option: option ?? null });

function select(element, block, ctx, entry = optionEntry, pick = null) {
  const flat = element.option_groups?.flatMap((group) => group.options) ?? element.options ?? [];
  const item = (option) => el("option", { value: option.value }, textOf(option.text));
  const node = el("select", { class: "bk-select", data: ids(element, block), "aria-label": textOf(element.placeholder) || "Choose" },
    // Once chosen, only what may be left out can be taken back.
    el("option", { value: "", disabled: !block.optional }, textOf(element.placeholder) || "Choose…"),
    element.option_groups?.map((group) => el("optgroup", { label: textOf(group.label) }, group.options.map(item))) ?? flat.map(item));
  const before = saved(element, block, ctx);
  const value = pick ? pick(before) : (before ? before.selected_option : element.initial_option)?.value;
  const chosenAt = () => flat[node.selectedIndex - 1];
  node.selectedIndex = flat.findIndex((option) => option.value === value) + 1;
  readers.set(node, () => ({ type: element.type, ...entry(chosenAt()) }));
  node.addEventListener("change", () => {
    if (dispatches(block)) report(node, element, block, entry(chosenAt()));
  });
  return node;
}

function choices(element, block, ctx, kind) {
  const before = saved(element, block, ctx);
  const many = kind === "checkbox";
  const chosen = many
    ? (before ? before.selected_options : element.initial_options)
    : [before ? before.selected_option : element.initial_option];
  const on = new Set((chosen ?? []).map((option) => option?.value));
  const name = uniqueId("choice");
  const node = el("div", { class: "bk-choices", role: many ? "group" : "radiogroup", data: ids(element, block) },
    element.options.map((option) =>
      el("label", { class: "choice" },
        el("input", { type: kind, name, value: option.value, checked: on.has(option.value) }),
        el("span", {}, textObject(option.text, ctx),
          option.description && el("small", {}, textObject(option.description, ctx))))));
  const entry = () => {
    const inputs = [...node.querySelectorAll("input")];
    const picked = element.options.filter((_, index) => inputs[index].checked);
    return many ? { selected_options: picked } : optionEntry(picked[0]);
  };
  readers.set(node, () => ({ type: element.type, ...entry() }));
  node.addEventListener("change", () => dispatches(block) && report(node, element, block, entry()));
  return node;
}

function textInput(element, block, ctx) {
  const before = saved(element, block, ctx);
  const value = (before ? before.value : element.initial_value) ?? "";
  const attributes = {
    class: "bk-text", data: ids(element, block), placeholder: textOf(element.placeholder) || null,
    minlength: element.min_length, maxlength: element.max_length ?? 3000, autofocus: element.focus_on_load,
  };
  const node = element.multiline ? el("textarea", { rows: 3, ...attributes }) : el("input", { type: "text", ...attributes });
  node.value = value;
  readers.set(node, () => ({ type: element.type, value: node.value === "" ? null : node.value }));
  if (dispatches(block)) reportTyping(node, element, block);
  return node;
}

/** Enter reports what was typed, unless the app wants to hear of characters instead; it submits nothing then. */
function reportTyping(node, element, block) {
  const on = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const tell = () => report(node, element, block, { value: node.value });
  if (on.includes("on_enter_pressed")) {
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
      event.preventDefault();
      tell();
    });
  }
  if (on.includes("on_character_entered")) {
    let pause = 0;
    node.addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(tell, TYPING_PAUSE_MS);
    });
  }
}

function picker(element, block, ctx, kind) {
  const key = `selected_${kind}`;
  const before = saved(element, block, ctx);
  const node = el("input", { type: kind, class: "bk-picker", data: ids(element, block), "aria-label": textOf(element.placeholder) || kind });
  node.value = (before ? before[key] : element[`initial_${kind}`]) ?? "";
  readers.set(node, () => ({ type: element.type, [key]: node.value || null }));
  node.addEventListener("change", () => dispatches(block) && report(node, element, block, { [key]: node.value || null }));
  return node;
}

