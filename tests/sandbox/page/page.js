// The sandbox page: keeps up with the server (GET /state, long-polled), sends what a person does (POST /act),
// and shows the parts. API.md says what goes over the wire.

import { clockText, el, redraw } from "./dom.js";
import { askConfirm, showViews, toast } from "./dialogs.js";
import { avatar, showChannel, startChannel } from "./channel.js";
import { askWhy, completeFrom, startComposer } from "./composer.js";
import { showOrg } from "./org.js";
import { goTo, place, showPlaces, startPlaces, unread } from "./places.js";

const RETRY_MS = 1000;
const PAUSE_MS = 60; // between two states: hundreds of suspensions must not keep the page from answering
const REFRESH_MS = 30_000; // "3 minutes ago" must not go stale
const byId = (id) => document.getElementById(id);

let state = null;
let receivedAt = 0;
let me = new URLSearchParams(location.search).get("who") ?? sessionStorage.getItem("who");

const now = () => Date.parse(state.now) + (performance.now() - receivedAt);

// Server

async function poll() {
  for (;;) {
    try {
      const response = await fetch(state ? `/state?after=${state.revision}` : "/state", { cache: "no-store" });
      if (!response.ok) throw new Error(`status ${response.status}`);
      state = merged(state, await response.json());
      receivedAt = performance.now();
      byId("offline").hidden = true;
    } catch {
      byId("offline").hidden = false;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      continue;
    }
    showOrSay();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** The server leaves out what the state before had already: the people if they are the same, and older events. */
function merged(before, fresh) {
  const run = (one) => one.revision.split("-")[0];
  const known = before && run(before) === run(fresh) ? before : { okta: [], audit: [] };
  const last = known.audit.at(-1)?.seq ?? 0;
  const news = fresh.audit.filter(({ seq }) => seq > last);
  return { ...fresh, okta: fresh.okta ?? known.okta, audit: news.length === 0 ? known.audit : [...known.audit, ...news] };
}

/** A state that can't be drawn must not end the loop, nor look like a server that is gone. */
function showOrSay() {
  try {
    show();
  } catch (error) {
    console.error(error);
    toast(`The page could not draw the last change: ${error.message}`, "error");
  }
}

/** Sends one act. Never throws: a failure is `{ ok: false, error }`, and shown. */
async function act(body) {
  const answer = await post(body);
  if (!answer.ok) toast(answer.error ?? "The sandbox refused that.", "error");
  return answer;
}

async function post(body) {
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch("/act", { method: "POST", headers, body: JSON.stringify(body) });
    return await response.json();
  } catch {
    return { ok: false, error: "The sandbox does not answer. Is it still running in the terminal?" };
  }
}

/** While it runs, `control` shows that it is busy and can't be pressed twice. */
async function whileBusy(control, work) {
  // Not `disabled`: that would drop the keyboard focus.
  if (control.getAttribute("aria-busy") === "true") return { ok: false };
  control.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    control.removeAttribute("aria-busy");
  }
}

// Drawing

function context() {
  return { people: new Map(state.people.map((one) => [one.id, one])), me, now: now(), bot: state.bot };
}

function show() {
  chooseWho();
  const ctx = context();
  showTop();
  const channel = showPlaces(state, ctx);
  const count = showChannel(state, ctx, channel);
  byId("empty-channel").hidden = !channel || count > 0;
  byId("empty-words").textContent = place.name === "messages" ? "The app has not written to this person." : "Nothing here yet.";
  completeFrom(state.commands, state.okta);
  showViews(state.views[me] ?? [], ctx, viewActions);
  showOrg(state, now(), orgActions);
  showControls();
  showGuide();
  document.body.dataset.revision = state.revision; // a test waits for it
}

function chooseWho() {
  const select = byId("who");
  const news = state.people.map((one) => unread(state, one.id));
  const more = (count) => (count === 0 ? "" : ` · ${count} new`);
  redraw(select, [state.people, news], () =>
    state.people.map((one, index) => el("option", { value: one.id }, `${one.name} (${one.role})${more(news[index])}`)));
  const known = state.people.find((one) => one.id === me) ?? state.people.find((one) => /approver/i.test(one.role)) ?? state.people[0];
  me = known?.id;
  select.value = me;
  redraw(byId("who-card"), known, () => known && [avatar(known), el("span", {}, el("strong", {}, known.name), el("small", {}, known.role))]);
}

function showTop() {
  const { running, connected, pid } = state.bot;
  const name = running ? (connected ? "connected" : "reconnecting") : "down";
  const bot = byId("bot-state");
  bot.dataset.state = name;
  bot.title = pid ? `Process or task ${pid}` : "";
  bot.lastElementChild.textContent = `bot ${name}`;
  byId("sidebar-presence").dataset.state = name;
  showClock();
}

function showClock() {
  if (!state) return;
  const clock = byId("clock");
  clock.dateTime = new Date(now()).toISOString();
  clock.textContent = clockText(new Date(now()));
}

function showControls() {
  byId("bot-kill").disabled = !state.bot.running;
  byId("bot-start").disabled = state.bot.running;
  byId("drop-socket").disabled = !state.bot.connected;
  byId("big-org").disabled = state.big;
  for (const side of ["okta", "slack"]) showArmed(byId(`${side}-fail`), state.faults?.[side]);
}

function showArmed(button, fault) {
  button.classList.toggle("armed", Boolean(fault));
  button.textContent = fault ? "Armed" : "Fail";
  button.title = fault ? `The next call gets: ${fault}` : "";
}

/** Ticks a step off from what the state shows; only the press itself is remembered by this tab. */
function showGuide() {
  const interactive = (message) => message.revision_count > 0 || message.blocks?.some((block) => block.type === "actions");
  const suspended = state.okta.some((one) =>
    one.status === "SUSPENDED" && Date.parse(one.statusChanged ?? 0) >= Date.parse(state.started));
  const done = [state.messages.some(interactive), suspended || sessionStorage.getItem("pressed") === state.started, suspended];
  const next = done.indexOf(false);
  document.querySelectorAll("#guide li").forEach((step, index) => {
    step.classList.toggle("done", done[index]);
    step.classList.toggle("next", index === next);
    step.querySelector(".mark").textContent = done[index] ? "✓" : String(index + 1);
    step.querySelector(".visually-hidden").textContent = done[index] ? "done:" : "";
  });
  byId("guide").classList.toggle("finished", next === -1);
  byId("sweep-now").classList.toggle("beckon", next === 0);
}

// What a person does

async function clickBlock({ where, action, confirm, control, values }) {
  if (!(await askConfirm(confirm, context()))) return;
  if (action.action_id === "suspend") sessionStorage.setItem("pressed", state.started);
  const send = () => act({ do: "click", user: me, on: where, action, state: { values } });
  // Only a button is held while its click is on the way: a second choice in a list or a box counts too.
  await (control instanceof HTMLButtonElement ? whileBusy(control, send) : send());
}

const viewActions = {
  submit: (view, values) => post({ do: "submit_view", user: me, view, state: { values } }),
  close: (view, clear) => act({ do: "close_view", user: me, view, clear }),
  click: clickBlock,
};

const orgActions = {
  signIn: (id) => act({ do: "sign_in", okta: id }),
  sso: (id) => act({ do: "sso", okta: id }),
  why: askWhy,
};

/** Slack tells the app each time that somebody opens its Home tab. */
const openHome = () => place.name === "home" && act({ do: "open_home", user: me });

startChannel(clickBlock);
startPlaces(() => { show(); openHome(); }, clickBlock);
startComposer(async (text) => {
  if (!text.startsWith("/")) {
    toast("This box takes slash commands only, such as /inactive-contractors status.", "error");
    return false;
  }
  return (await whileBusy(byId("send"), () => act({ do: "slash", user: me, text, channel: place.name === "messages" ? state.directs[me] : state.channel.id }))).ok;
}, () => document.querySelector("#okta tbody tr")?.dataset.oktaLogin ?? "");

byId("who").addEventListener("change", (event) => {
  me = event.target.value;
  sessionStorage.setItem("who", me);
  if (place.name === "channel" && !state.channel.members.includes(me)) goTo("messages");
  show();
  openHome();
});

// Each control carries its act in data-act, plus the value of the select named by data-with.
byId("controls").addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-act]");
  if (!button) return;
  const { act: name, with: from, move, done } = button.dataset;
  const body = { do: name, user: me, move, fault: from && byId(from).value };
  const answer = await whileBusy(button, () => act(body));
  if (answer.ok && done) toast(done, "done");
  showControls();
});

// Tabs: arrow keys move between them, as in any tab list.
const tabs = [...document.querySelectorAll("[role=tab]")];
function openTab(tab) {
  for (const one of tabs) {
    const on = one === tab;
    one.setAttribute("aria-selected", String(on));
    one.tabIndex = on ? 0 : -1;
    byId(one.getAttribute("aria-controls")).hidden = !on;
  }
}
tabs.forEach((tab, index) => {
  tab.addEventListener("click", () => openTab(tab));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = tabs[(index + 1) % tabs.length];
    openTab(other);
    other.focus();
  });
});

byId("guide-close").addEventListener("click", () => byId("guide").remove());
setInterval(showClock, 1000);
setInterval(() => state && show(), REFRESH_MS);
poll();
openHomeOnceKnown();

/** A tab that opens on Home has opened the Home tab too. */
async function openHomeOnceKnown() {
  while (!state) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  openHome();
}
