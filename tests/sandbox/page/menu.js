// A small menu under a button, for overflow elements and for the people table.

import { el } from "./dom.js";

/** A menu at `button`; items are { label, run, value?, href?, danger? }. Escape and a click elsewhere close it. */
export function openMenu(button, items) {
  const menu = el("div", { class: "menu", role: "menu", popover: "auto" }, items.map((item) =>
    el(item.href ? "a" : "button", {
      role: "menuitem", tabindex: -1, class: item.danger ? "danger" : null, data: { value: item.value },
      type: item.href ? null : "button", href: item.href, target: item.href && "_blank", rel: item.href && "noopener noreferrer",
      onclick: () => { menu.hidePopover(); item.run(); },
    }, item.label)));
  menu.addEventListener("keydown", (event) => moveInMenu(menu, event));
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    if (menu.contains(document.activeElement) || document.activeElement === document.body) button.focus();
    button.removeAttribute("aria-expanded");
    menu.remove();
  });
  // Inside an open dialog the rest of the page is inert, so the menu has to be in there too.
  (button.closest("dialog") ?? document.body).append(menu);
  menu.showPopover();
  button.setAttribute("aria-expanded", "true");
  placeMenu(menu, button.getBoundingClientRect());
  menu.firstElementChild?.focus();
}

function placeMenu(menu, at) {
  const left = Math.max(8, Math.min(at.left, innerWidth - menu.offsetWidth - 8));
  const below = at.bottom + 4;
  const top = below + menu.offsetHeight > innerHeight - 8 ? Math.max(8, at.top - menu.offsetHeight - 4) : below;
  menu.style.left = `${left}px`;
  menu.style.top = `${top}px`;
}

function moveInMenu(menu, event) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  items[(to + items.length) % items.length].focus();
}
