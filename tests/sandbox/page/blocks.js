// Block Kit JSON -> DOM. Pure drawing: a control (elements.js) reports what a person did as a bubbling `block-action` event
// whose detail is { action, confirm, control }, and knows nothing of the network.
// `ctx` is that of text.js, plus `values`: a Slack state (`{block_id: {action_id: entry}}`) that wins over initial
// values, so that a view drawn again keeps what was typed.

import { arrange, el, keepFocus } from "./dom.js";
import { drawElement, entryOf, picture, uniqueId, unknown } from "./elements.js";
import { inline, markdown, richText, textObject, textOf } from "./text.js";

const drawnFrom = new WeakMap(); // a block's node -> what it was drawn from

/**
 * Makes `parent` show `blocks`. A block that did not change keeps its node, so that focus, caret, scrolling and what
 * was typed stay where they are while an app updates the rest.
 */
export function showBlocks(parent, blocks, ctx) {
  const had = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const day = new Date(ctx.now).toDateString(); // "today" in a text turns into "yesterday"
  keepFocus(parent, () => arrange(parent, (blocks ?? []).map((block, index) => {
    const key = `${block.type}/${block.block_id ?? index}`;
    const signature = JSON.stringify([block, ctx.me, day]);
    const before = had.get(key);
    if (before && drawnFrom.get(before) === signature) return before;
    const node = drawBlock(block, ctx);
    node.dataset.key = key;
    drawnFrom.set(node, signature);
    return node;
  })));
}

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
  return el("div", { class: "input-block", data: { required: block.optional ? null : "true", label: textOf(block.label) } }, label, control, hint, error);
}

/** The state of every control under `root`, in Slack's shape. */
export function readValues(root) {
  const values = {};
  for (const control of root.querySelectorAll("[data-action-id]")) {
    const { blockId, actionId } = control.dataset;
    const entry = entryOf(control);
    if (entry) (values[blockId] ??= {})[actionId] = entry;
  }
  return values;
}

/** What a person must still fill in, as {block_id: sentence}: Slack checks this before the app hears of it. */
export function missingInputs(root) {
  const errors = {};
  for (const block of root.querySelectorAll(".input-block")) {
    const control = block.querySelector("[data-action-id]");
    const { type, ...entry } = entryOf(control) ?? {};
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
    const control = block.querySelector("[data-action-id]");
    if (sentence) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    block.querySelector(".error").replaceChildren(...inline(sentence, { people: new Map(), now: 0 }));
    if (sentence) first ??= block.querySelector("input, select, textarea");
  }
  first?.focus();
}
