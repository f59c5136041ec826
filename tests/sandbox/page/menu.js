// A small menu under a button, for overflow elements and for the people table.

import { describe, el } from "./dom.js";

/**
 * A menu at `button`, with its item number `first` focused (-1 is the last); items are
 * { label, run, value?, href?, danger? }. Arrows, Home, End and first letters move in it; Escape, Tab and a click
 * elsewhere close it. A link opens in a new tab and runs too.
 */
export function openMenu(button, items, first = 0) {
  const menu = el("div", { class: "menu", role: "menu", popover: "auto", "aria-label": button.getAttribute("aria-label") }, items.map((item) =>
    el(item.href ? "a" : "button", {
      role: "menuitem", tabindex: -1, class: item.danger ? "danger" : null, data: { value: item.value },
      type: item.href ? null : "button", href: item.href, target: item.href && "_blank", rel: item.href && "noopener noreferrer",
      onclick: () => { menu.hidePopover(); item.run(); },
    }, item.label, item.href && [el("span", { class: "outside", "aria-hidden": "true" }, " ↗"), el("span", { class: "visually-hidden" }, " (opens in a new tab)")])));
  const home = button.closest("[data-key], dialog, tr") ?? document.body;
  const name = describe(button);
  menu.addEventListener("keydown", (event) => moveInMenu(menu, event));
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    if (menu.contains(document.activeElement) || document.activeElement === document.body) {
      // The button may have been drawn again meanwhile.
      const now = button.isConnected ? button : [...home.querySelectorAll("button")].find((one) => describe(one) === name);
      now?.focus();
    }
    button.setAttribute("aria-expanded", "false");
    menu.remove();
  });
  // Inside an open dialog the rest of the page is inert, so the menu has to be in there too.
  (button.closest("dialog") ?? document.body).append(menu);
  menu.showPopover();
  button.setAttribute("aria-expanded", "true");
  placeMenu(menu, button.getBoundingClientRect(), button.closest("section, dialog")?.getBoundingClientRect().right ?? innerWidth);
  [...menu.children].at(first)?.focus();
}

/** Below the button, or above it where there is no room; within the part of the page that the button is in. */
function placeMenu(menu, at, right) {
  const left = Math.max(8, Math.min(at.left, Math.min(right, innerWidth) - menu.offsetWidth - 8));
  const below = at.bottom + 4;
  const top = below + menu.offsetHeight > innerHeight - 8 ? Math.max(8, at.top - menu.offsetHeight - 4) : below;
  menu.style.left = `${left}px`;
  menu.style.top = `${top}px`;
}

function moveInMenu(menu, event) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  let to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (/^\p{L}$/u.test(event.key) && !event.ctrlKey && !event.metaKey) to = startingWith(items, event.key, at);
  // A link is followed by Enter by itself, but not by the space bar.
  if (event.key === " " && items[at]?.tagName === "A") {
    event.preventDefault();
    items[at].click();
  }
  if (to === undefined) return;
  event.preventDefault();
  items[(to + items.length) % items.length].focus();
}

/** The next item after `at` that begins with the letter. */
function startingWith(items, letter, at) {
  const turns = items.map((_, index) => (at + 1 + index) % items.length);
  return turns.find((index) => items[index].textContent.trim().toLowerCase().startsWith(letter.toLowerCase()));
}
