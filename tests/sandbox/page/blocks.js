// Block Kit JSON -> DOM. Pure drawing: a control reports what a person did as a bubbling `block-action` event
// whose detail is { action, confirm, control }, and knows nothing of the network.
// `ctx` is that of text.js, plus `values`: a Slack state (`{block_id: {action_id: entry}}`) that wins over initial
// values, so that a view drawn again keeps what was typed.

import { el, safeUrl } from "./dom.js";
import { inline, markdown, richText, textObject, textOf } from "./text.js";
import { openMenu } from "./menu.js";

const readers = new WeakMap(); // control -> () => its entry of the state
let nextId = 0;
const uniqueId = (name) => `${name}-${++nextId}`;

export const drawBlocks = (blocks, ctx) => (blocks ?? []).map((block) => drawBlock(block, ctx));

function drawBlock(block, ctx) {
  const draw = Object.hasOwn(BLOCKS, block.type) ? BLOCKS[block.type] : unknown;
  const node = draw(block, ctx);
  node.classList.add("block");
  if (block.block_id) node.dataset.blockId = block.block_id;
  return node;
}

const BLOCKS = {
  header: (block, ctx) => el("h3", { class: "header-block" }, textObject(block.text, ctx)),
  divider: () => el("hr", { class: "divider-block" }),
  section: (block, ctx) =>
    el("div", { class: "section-block" },
      el("div", { class: "section-main" },
        block.text && el("div", { class: "section-text" }, textObject(block.text, ctx)),
        block.fields && el("div", { class: "fields" }, block.fields.map((field) => el("div", {}, textObject(field, ctx))))),
      block.accessory && el("div", { class: "accessory" }, drawElement(block.accessory, block, ctx))),
  context: (block, ctx) =>
    el("div", { class: "context-block" }, (block.elements ?? []).map((one) =>
      one.type === "image" ? picture(one, "small") : el("span", {}, textObject(one, ctx)))),
  actions: (block, ctx) => el("div", { class: "actions-block" }, (block.elements ?? []).map((one) => drawElement(one, block, ctx))),
  input: inputBlock,
  image: (block, ctx) =>
    el("figure", { class: "image-block" }, block.title && el("figcaption", {}, textObject(block.title, ctx)), picture(block, "large")),
  rich_text: (block, ctx) => el("div", { class: "rich-block" }, richText(block.elements, ctx)),
  markdown: (block, ctx) => el("div", { class: "markdown-block" }, markdown(block.text ?? "", ctx)),
  table: (block, ctx) =>
    el("div", { class: "table-block" }, el("table", {}, (block.rows ?? []).map((row, index) =>
      el("tr", {}, row.map((cell) =>
        el(index === 0 ? "th" : "td", {}, cell.type === "rich_text" ? richText(cell.elements, ctx) : (cell.text ?? ""))))))),
};

function unknown(block) {
  return el("div", { class: "unknown" },
    `This page can’t draw a “${block.type ?? "?"}” block. `,
    el("details", {}, el("summary", {}, "Its JSON"), el("pre", {}, JSON.stringify(block, null, 2))));
}

// The page loads nothing from outside, so only pictures inside the JSON or of this server are shown.
function picture(image, size) {
  const url = image.image_url ?? "";
  if (/^(data:image\/|\/)/.test(url)) return el("img", { class: `picture ${size}`, src: url, alt: image.alt_text ?? "" });
  return el("span", { class: `picture missing ${size}`, role: "img", "aria-label": image.alt_text, title: url }, image.alt_text ?? "image");
}

// Elements

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

function drawElement(element, block, ctx) {
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
      if (safeUrl(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
      report(node, element, block, { text: element.text, value: element.value });
    },
  }, textObject(element.text, ctx));
  return node;
}

function overflow(element, block, ctx) {
  const node = el("button", {
    type: "button", class: "bk-overflow", data: ids(element, block),
    "aria-label": element.accessibility_label ?? "More actions", "aria-haspopup": "menu",
    onclick: () => openMenu(node, (element.options ?? []).map((option) => ({
      label: textObject(option.text, ctx), value: option.value, href: safeUrl(option.url),
      run: () => report(node, element, block, { selected_option: option }),
    }))),
  }, "⋯");
  return node;
}

const optionEntry = (option) => ({ selected_option: option ?? null });

function select(element, block, ctx, entry = optionEntry, pick = null) {
  const flat = element.option_groups?.flatMap((group) => group.options) ?? element.options ?? [];
  const item = (option) => el("option", { value: option.value }, textOf(option.text));
  const node = el("select", { class: "bk-select", data: ids(element, block), "aria-label": textOf(element.placeholder) || "Choose" },
    el("option", { value: "" }, textOf(element.placeholder) || "Choose…"),
    element.option_groups?.map((group) => el("optgroup", { label: textOf(group.label) }, group.options.map(item))) ?? flat.map(item));
  const before = saved(element, block, ctx);
  const value = pick ? pick(before) : (before ? before.selected_option : element.initial_option)?.value;
  const chosenAt = () => flat[node.selectedIndex - 1];
  node.selectedIndex = flat.findIndex((option) => option.value === value) + 1;
  readers.set(node, () => ({ type: element.type, ...entry(chosenAt()) }));
  node.addEventListener("change", () => {
    if (dispatches(block) && chosenAt()) report(node, element, block, entry(chosenAt()));
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
  node.addEventListener("change", () => dispatches(block) && report(node, element, block, { value: node.value }));
  return node;
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

// Inputs

function inputBlock(block, ctx) {
  const control = drawElement(block.element, block, ctx);
  const group = control.classList.contains("bk-choices");
  control.id = uniqueId("input");
  const label = el(group ? "div" : "label", { class: "input-label", id: uniqueId("label"), for: group ? null : control.id },
    textObject(block.label, ctx), block.optional && el("span", { class: "optional" }, " (optional)"));
  const hint = block.hint && el("div", { class: "hint", id: uniqueId("hint") }, textObject(block.hint, ctx));
  const error = el("div", { class: "error", id: uniqueId("error"), role: "alert" });
  control.removeAttribute("aria-label"); // its label names it
  control.setAttribute("aria-labelledby", label.id);
  control.setAttribute("aria-describedby", [hint?.id, error.id].filter(Boolean).join(" "));
  return el("div", { class: "input-block", data: { required: block.optional ? null : "true" } }, label, control, hint, error);
}

/** The state of every control under `root`, in Slack's shape. */
export function readValues(root) {
  const values = {};
  for (const control of root.querySelectorAll("[data-action-id]")) {
    const { blockId, actionId } = control.dataset;
    if (readers.has(control)) (values[blockId] ??= {})[actionId] = readers.get(control)();
  }
  return values;
}

/** What a person must still fill in, as {block_id: sentence}: Slack checks this before the app hears of it. */
export function missingInputs(root) {
  const errors = {};
  for (const block of root.querySelectorAll(".input-block")) {
    const control = block.querySelector("[data-action-id]");
    const { type, ...entry } = readers.get(control)?.() ?? {};
    const value = Object.values(entry)[0];
    const empty = value === null || value === undefined || value.length === 0;
    if (empty && block.dataset.required) errors[block.dataset.blockId] = "Please complete this required field.";
    else if (!empty && control.minLength > value.length) errors[block.dataset.blockId] = `Please write at least ${control.minLength} characters.`;
  }
  return errors;
}

/** Shows each sentence under its input, clears the others, and moves to the first. */
export function showErrors(root, errors) {
  let first = null;
  for (const block of root.querySelectorAll(".input-block")) {
    const sentence = Object.hasOwn(errors, block.dataset.blockId) ? errors[block.dataset.blockId] : "";
    block.classList.toggle("invalid", sentence !== "");
    block.querySelector(".error").replaceChildren(...inline(sentence, { people: new Map(), now: 0 }));
    if (sentence) first ??= block.querySelector("input, select, textarea");
  }
  first?.focus();
}
