// Where a person is in the workspace: the channel, or the app's Home and Messages tabs.

import { el, redraw } from "./dom.js";
import { readValues, showBlocks } from "./blocks.js";

const PLACES = ["channel", "home", "messages"];
const byId = (id) => document.getElementById(id);
const home = byId("home-blocks");
const read = JSON.parse(sessionStorage.getItem("read") ?? "{}"); // person -> ts of the last direct message they saw

/** Where the person at the page is. */
export const place = { name: PLACES.find((name) => name === sessionStorage.getItem("place")) ?? "channel" };

/** `moved` is called after each change of place; `click` gets what a person uses in the home tab. */
export function startPlaces(moved, click) {
  for (const name of PLACES) {
    byId(`place-${name}`).addEventListener("click", () => {
      goTo(name);
      moved();
    });
  }
  home.addEventListener("block-action", (event) => {
    click({ ...event.detail, where: { view: home.dataset.viewId }, values: readValues(home) });
  });
}

export function goTo(name) {
  place.name = name;
  sessionStorage.setItem("place", name);
}

/** Draws the places and the home tab; returns the conversation to show, null if there is none for this person. */
export function showPlaces(state, ctx) {
  const { name } = place;
  const direct = state.directs[ctx.me];
  const member = state.channel.members.includes(ctx.me);
  if (name === "messages") markRead(state, ctx.me);
  for (const one of PLACES) {
    if (one === name) byId(`place-${one}`).setAttribute("aria-current", "page");
    else byId(`place-${one}`).removeAttribute("aria-current");
  }
  byId("channel-name").textContent = { channel: state.channel.name, home: `${state.bot.name}: Home`, messages: `${state.bot.name}: Messages` }[name];
  byId("channel-sign").hidden = name !== "channel";
  byId("sidebar-channel").textContent = state.channel.name;
  byId("sidebar-bot").textContent = state.bot.name;
  showUnread(unread(state, ctx.me));
  byId("home").hidden = name !== "home";
  const talking = name === "messages" || (name === "channel" && member);
  for (const id of ["messages", "chips", "composer"]) byId(id).hidden = !talking;
  byId("not-member").hidden = name !== "channel" || member;
  byId("not-member").textContent = `${ctx.people.get(ctx.me)?.name ?? "This person"} is not in #${state.channel.name}. What concerns them is in the app’s Messages.`;
  if (name === "home") showHome(state, ctx);
  if (name === "home" || !talking) return null;
  return name === "messages" ? direct : state.channel.id;
}

function showHome(state, ctx) {
  const view = state.homes[ctx.me];
  const values = home.dataset.viewId === view?.id ? readValues(home) : {};
  if (home.dataset.viewId !== view?.id) home.replaceChildren(); // another person's
  home.dataset.viewId = view?.id ?? "";
  byId("empty-home").hidden = Boolean(view);
  showBlocks(home, view?.blocks, { ...ctx, values });
}

/** How many direct messages of the bot the person has not seen. */
export function unread(state, person) {
  const since = read[person] ?? "0";
  return state.messages.filter((one) => one.channel === state.directs[person] && one.user === "bot" && Number(one.ts) > Number(since)).length;
}

function markRead(state, person) {
  const all = state.messages.filter((one) => one.channel === state.directs[person]).map((one) => Number(one.ts));
  const last = String(Math.max(0, ...all));
  if (read[person] === last) return;
  read[person] = last;
  sessionStorage.setItem("read", JSON.stringify(read));
}

function showUnread(count) {
  redraw(byId("unread"), count, () => (count === 0 ? [] : [el("span", { class: "badge" }, String(count)), el("span", { class: "visually-hidden" }, " unread")]));
}
