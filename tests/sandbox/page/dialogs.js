// What opens above the page: confirm dialogs, a person's modals, toasts.

import { describe, el, redraw } from "./dom.js";
import { textObject, textOf } from "./text.js";
import { missingInputs, readValues, showBlocks, showErrors } from "./blocks.js";

/** Asks before a click is sent; resolves to whether the person confirmed. */
export function askConfirm(confirm, ctx) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((resolve) => {
    const close = (answer) => { dialog.close(); dialog.remove(); resolve(answer); };
    const danger = confirm.style === "danger";
    const dialog = el("dialog", { class: "confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
      el("h2", { id: "confirm-title" }, textObject(confirm.title, ctx)),
      el("div", { class: "dialog-body", id: "confirm-text" }, textObject(confirm.text, ctx)),
      el("footer", {},
        el("button", { type: "button", class: "bk-button deny", autofocus: danger, onclick: () => close(false) }, textOf(confirm.deny) || "Cancel"),
        el("button", { type: "button", class: `bk-button confirm ${danger ? "danger" : "primary"}`, autofocus: !danger, onclick: () => close(true) },
          textOf(confirm.confirm) || "Yes")));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(false); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// Modals

const below = new Map(); // id of a view that another one covers -> { values, focus } as the person left it
let open = null;

/** Shows the top view of `stack`, or closes the modal. `actions`: { submit, close, click }. */
export function showViews(stack, ctx, actions) {
  const view = stack.at(-1);
  const ids = new Set(stack.map(({ id }) => id));
  if (open && open.dataset.viewId !== view?.id) shut(ids.has(open.dataset.viewId));
  for (const id of below.keys()) if (!ids.has(id)) below.delete(id);
  if (!view) return;
  const left = below.get(view.id);
  const isNew = !open;
  open ??= openModal(view, actions);
  const body = open.querySelector(".dialog-body");
  // What a person typed wins over what the app says; `left` is from before another view covered this one.
  const values = { ...(isNew ? left?.values : null), ...readValues(body) };
  const title = textOf(stack.at(-2)?.title);
  redraw(open.querySelector("header"), [view.title, title, stack.length], () => header(view, title, actions));
  showBlocks(open.querySelector(".blocks"), view.blocks, { ...ctx, values });
  const changed = redraw(open.querySelector("footer"), [view.submit, view.close], () => footer(view, actions));
  if (open.dataset.hash !== view.hash && !isNew) showErrors(open, {});
  open.dataset.hash = view.hash ?? "";
  if (changed || isNew) open.querySelector(".form-error").textContent = "";
  if (isNew) focusIn(open, left?.focus);
  below.delete(view.id);
}

/** Closes the dialog; `covered`: its view goes on below another one and comes back as it was left. */
function shut(covered) {
  const focus = open.contains(document.activeElement) ? describe(document.activeElement) : null;
  if (covered) below.set(open.dataset.viewId, { values: readValues(open), focus });
  open.close();
  open.remove();
  open = null;
}

function openModal(view, actions) {
  const body = el("div", { class: "dialog-body", tabindex: 0, role: "group", "aria-labelledby": "modal-title" },
    el("div", { class: "form-error", role: "alert" }), el("div", { class: "blocks" }));
  const dialog = el("dialog", { class: "modal", data: { viewId: view.id }, "aria-labelledby": "modal-title" },
    el("form", { novalidate: true, onsubmit: (event) => submit(event, dialog, actions) }, el("header"), body, el("footer")));
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); actions.close(view.id, true); });
  dialog.addEventListener("block-action", (event) => {
    actions.click({ ...event.detail, where: { view: view.id }, values: readValues(dialog) });
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** To where the person was, or to the first thing to fill in, or to the text: not to the ✕ that comes first. */
function focusIn(dialog, before) {
  const all = [...dialog.querySelectorAll(".blocks :is(button, a, input, select, textarea)")];
  const inputs = [...dialog.querySelectorAll(".blocks .input-block :is(input, select, textarea)")];
  const target = all.find((one) => before && describe(one) === before) ?? dialog.querySelector("[autofocus]") ?? inputs[0];
  (target ?? dialog.querySelector(".dialog-body")).focus();
}

function header(view, title, actions) {
  return [
    title && el("button", { type: "button", class: "icon back", "aria-label": `Back to ${title}`, onclick: () => actions.close(view.id, false) }, "‹"),
    el("div", { class: "titles" }, title && el("span", { class: "trail" }, title), el("h2", { id: "modal-title" }, textOf(view.title))),
    el("button", { type: "button", class: "icon close-all", "aria-label": title ? "Close all" : "Close", onclick: () => actions.close(view.id, true) }, "✕"),
  ].filter(Boolean);
}

function footer(view, actions) {
  return [
    el("button", { type: "button", class: "bk-button close", onclick: () => actions.close(view.id, false) },
      textOf(view.close) || (view.submit ? "Cancel" : "Close")),
    view.submit && el("button", { type: "submit", class: "bk-button submit primary" }, textOf(view.submit)),
  ].filter(Boolean);
}

async function submit(event, dialog, actions) {
  event.preventDefault();
  const missing = missingInputs(dialog);
  showErrors(dialog, missing);
  if (Object.keys(missing).length > 0) return;
  setBusy(dialog, true);
  const answer = await actions.submit(dialog.dataset.viewId, readValues(dialog));
  setBusy(dialog, false);
  if (dialog !== open) return;
  dialog.querySelector(".form-error").textContent = answer.ok ? "" : answer.error;
  if (answer.errors) showErrors(dialog, answer.errors);
}

function setBusy(dialog, busy) {
  const button = dialog.querySelector("button.submit");
  dialog.setAttribute("aria-busy", String(busy));
  if (button) button.disabled = busy;
}

// Toasts

/** A sentence that goes away by itself; `kind` is "error" or "done". */
export function toast(sentence, kind) {
  const note = el("div", { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status" },
    el("span", {}, sentence),
    el("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: () => note.remove() }, "✕"));
  const shelf = document.getElementById("toasts");
  shelf.append(note);
  shelf.hidePopover(); // shown again, it is above a dialog that opened meanwhile
  shelf.showPopover();
  setTimeout(() => note.remove(), kind === "error" ? 9000 : 4000);
}
