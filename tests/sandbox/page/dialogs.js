// What opens above the page: confirm dialogs, a person's modals, toasts.

import { el, redraw } from "./dom.js";
import { textObject, textOf } from "./text.js";
import { drawBlocks, missingInputs, readValues, showErrors } from "./blocks.js";

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

const typed = new Map(); // view id -> what was typed in it, for when it is drawn again
let open = null;

/** Shows the top view of `stack`, or closes the modal. `actions`: { submit, close, click }. */
export function showViews(stack, ctx, actions) {
  const view = stack.at(-1);
  if (open && open.dataset.viewId !== view?.id) shut();
  if (!view) return typed.clear();
  open ??= openModal(view, actions);
  const body = open.querySelector(".dialog-body");
  const values = { ...typed.get(view.id), ...readValues(body) };
  redraw(open.querySelector("form"), [view, stack.length, ctx.me], () => modalParts(view, stack.length, { ...ctx, values }, actions));
}

function shut() {
  typed.set(open.dataset.viewId, readValues(open));
  open.close();
  open.remove();
  open = null;
}

function openModal(view, actions) {
  const dialog = el("dialog", { class: "modal", data: { viewId: view.id }, "aria-labelledby": "modal-title" },
    el("form", { novalidate: true, onsubmit: (event) => submit(event, dialog, actions) }, el("div", { class: "dialog-body" })));
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); actions.close(view.id, true); });
  dialog.addEventListener("block-action", (event) => {
    actions.click({ ...event.detail, where: { view: view.id }, values: readValues(dialog) });
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function modalParts(view, depth, ctx, actions) {
  return [
    el("header", {},
      el("h2", { id: "modal-title" }, textOf(view.title)),
      depth > 1 && el("span", { class: "depth" }, `step ${depth}`),
      el("button", { type: "button", class: "icon close-all", "aria-label": "Close", onclick: () => actions.close(view.id, true) }, "✕")),
    el("div", { class: "dialog-body", tabindex: 0, role: "group", "aria-labelledby": "modal-title" },
      el("div", { class: "form-error", role: "alert" }), drawBlocks(view.blocks, ctx)),
    el("footer", {},
      el("button", { type: "button", class: "bk-button close", onclick: () => actions.close(view.id, false) },
        textOf(view.close) || (view.submit ? "Cancel" : "Close")),
      view.submit && el("button", { type: "submit", class: "bk-button submit primary" }, textOf(view.submit))),
  ];
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
