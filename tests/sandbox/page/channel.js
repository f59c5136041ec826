// The fake Slack channel: messages, threads, ephemeral notes and the composer.

import { ago, dayName, el, flash, fullTime, reconcile, redraw, timeOfDay } from "./dom.js";
import { mrkdwn } from "./text.js";
import { drawBlocks, readValues } from "./blocks.js";

const COMMAND = "/inactive-contractors ";
const list = document.getElementById("messages");
const input = document.getElementById("command");
const dismissed = new Set(); // ids of ephemeral notes; Slack too forgets them on this side only
let onAction = () => {};
const folded = new Set(); // threads that the person closed
let seen = null; // key -> revision of what was shown before

/** `click` gets { action, confirm, control, where, values } of each control that a person uses in a message. */
export function startChannel(click) {
  onAction = click;
}

/** Shows the channel as `ctx.me` sees it. `ctx` is that of blocks.js with `bot`. */
export function showChannel(state, ctx) {
  const stuck = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const items = timeline(state, ctx.me);
  const fresh = seen !== null && items.some((item) => !seen.has(item.key));
  reconcile(list, items, (item) => item.key, createItem, (node, item, isNew) => updateItem(node, item, ctx, isNew));
  announce(items, ctx);
  document.getElementById("empty-channel").hidden = items.length > 0;
  if (stuck || fresh) list.scrollTop = list.scrollHeight;
}

function timeline(state, me) {
  const isReply = (message) => message.thread_ts && message.thread_ts !== message.ts;
  const replies = Map.groupBy(state.messages.filter(isReply), (message) => message.thread_ts);
  const posts = state.messages.filter((message) => !isReply(message) || message.broadcast);
  const notes = state.ephemerals.filter((note) => note.user === me && !dismissed.has(note.id));
  const item = (message, kind) => ({ ...message, kind, key: message.ts ?? `note-${message.id}`, replies: replies.get(message.ts) ?? [] });
  return [...posts.map((post) => item(post, "message")), ...notes.map((note) => item(note, "ephemeral"))]
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function createItem(item) {
  const where = item.kind === "ephemeral" ? { ephemeral: item.id } : { message: item.ts };
  const node = el("li", { class: item.kind, tabindex: -1, data: { ts: item.ts, ephemeralId: item.id } },
    el("div", { class: "main" }),
    el("button", { type: "button", class: "thread-toggle link", hidden: true, onclick: () => toggleThread(node, item.ts) }),
    el("ol", { class: "replies", hidden: true }));
  node.firstElementChild.addEventListener("block-action", (event) => {
    onAction({ ...event.detail, where, values: readValues(node.firstElementChild) });
  });
  return node;
}

function updateItem(node, item, ctx, isNew) {
  const main = node.firstElementChild;
  const { replies, reply_count: _, ...shown } = item;
  const values = readValues(main);
  const day = new Date(ctx.now).toDateString(); // "today" in a card turns into "yesterday"
  const drawn = redraw(main, [shown, day, ctx.me], () => messageParts(item, { ...ctx, values }));
  const revision = String(item.revision_count ?? 0);
  if (drawn && !isNew && node.dataset.revision !== revision) flash(main);
  if (isNew && seen !== null) node.classList.add("arrived");
  node.dataset.revision = revision;
  updateThread(node, item, ctx);
}

function messageParts(item, ctx) {
  const author = item.kind === "ephemeral" ? null : ctx.people.get(item.user);
  const name = author?.name ?? ctx.bot.name;
  const at = new Date(item.at);
  return [
    item.kind === "ephemeral" && el("div", { class: "only-you" }, "Only visible to you",
      el("button", { type: "button", class: "link", onclick: () => dismiss(item.id) }, "Dismiss")),
    item.thread_ts && item.broadcast && el("div", { class: "only-you" }, "Replied to a thread"),
    el("div", { class: "message-row" },
      avatar(author ?? { id: "bot", name }, !author),
      el("div", { class: "message-body" },
        el("div", { class: "byline" }, el("strong", {}, name), !author && el("span", { class: "app-badge" }, "APP"),
          el("time", { datetime: item.at, title: fullTime(at) }, `${dayName(at, ctx.now)} at ${timeOfDay(at)}`)),
        item.blocks?.length ? drawBlocks(item.blocks, ctx) : el("div", { class: "block plain-message" }, mrkdwn(item.text ?? "", ctx)))),
  ].filter(Boolean);
}

function dismiss(id) {
  dismissed.add(id);
  list.querySelector(`[data-key="note-${CSS.escape(id)}"]`)?.remove();
}

/** Initials on a colour that stays with the person. */
export function avatar({ id, name }, isBot = false) {
  const hue = [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0) * 137) % 360, 7);
  const initials = name.split(/\s+/).slice(0, 2).map((word) => [...word].find((letter) => /\p{L}/u.test(letter)) ?? "").join("");
  const node = el("span", { class: isBot ? "avatar bot" : "avatar", "aria-hidden": "true" }, isBot ? "" : initials.toUpperCase() || "?");
  if (!isBot) node.style.setProperty("--hue", hue);
  return node;
}

function updateThread(node, item, ctx) {
  const [, toggle, thread] = node.children;
  const count = Math.max(item.replies.length, item.reply_count ?? 0);
  toggle.hidden = count === 0;
  if (count === 0) return;
  const last = new Date(item.replies.at(-1)?.at ?? item.at);
  const isOpen = !folded.has(item.ts);
  toggle.textContent = `${isOpen ? "▾" : "▸"} ${count} ${count === 1 ? "reply" : "replies"} · last ${ago(last, ctx.now)}`;
  toggle.setAttribute("aria-expanded", String(isOpen));
  thread.hidden = !isOpen;
  const replies = item.replies.map((reply) => ({ ...reply, broadcast: false, kind: "message", key: reply.ts, replies: [] }));
  reconcile(thread, replies, (reply) => reply.key, createItem, (child, reply, isNew) => updateItem(child, reply, ctx, isNew));
}

function toggleThread(node, ts) {
  if (!folded.delete(ts)) folded.add(ts);
  const [, toggle, thread] = node.children;
  thread.hidden = folded.has(ts);
  toggle.setAttribute("aria-expanded", String(!thread.hidden));
  toggle.textContent = (thread.hidden ? "▸" : "▾") + toggle.textContent.slice(1);
}

/** New and changed messages are read out by their `text`, which is what Slack's screen reader mode reads too. */
function announce(items, ctx) {
  const all = items.flatMap((item) => [item, ...item.replies.map((reply) => ({ ...reply, key: reply.ts }))]);
  const revision = (item) => item.revision_count ?? 0;
  const news = seen === null ? [] : all.filter((item) => seen.get(item.key) !== revision(item));
  seen = new Map([...(seen ?? []), ...all.map((item) => [item.key, revision(item)])]);
  if (news.length === 0) return;
  const lines = news.map((item) => {
    const text = el("span", {}, mrkdwn(item.text ?? "", ctx)).textContent;
    return `${item.kind === "ephemeral" ? "Only visible to you" : (ctx.people.get(item.user)?.name ?? ctx.bot.name)}: ${text}`;
  });
  document.getElementById("announce").textContent = lines.join(". ");
}

// The composer

/** Wires the composer; `send(text)` resolves to whether Slack took it, `suggestLogin()` names somebody to ask about. */
export function startComposer(send, suggestLogin) {
  const history = JSON.parse(sessionStorage.getItem("history") ?? "[]");
  let at = history.length;
  const run = async (text) => {
    if (!(await send(text))) return;
    if (history.at(-1) !== text) history.push(text);
    sessionStorage.setItem("history", JSON.stringify(history.slice(-50)));
    at = history.length;
    input.value = COMMAND;
  };
  input.value = COMMAND;
  document.getElementById("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) run(input.value.trim());
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || history.length === 0) return;
    event.preventDefault();
    at = Math.max(0, Math.min(history.length, at + step));
    input.value = history[at] ?? COMMAND;
    input.setSelectionRange(input.value.length, input.value.length);
  });
  document.getElementById("chips").addEventListener("click", (event) => {
    const { say } = event.target.dataset;
    if (say === "why") askWhy(suggestLogin());
    else if (say !== undefined) run(`${COMMAND}${say}`.trim());
  });
}

/** Puts `why <login>` into the composer, with the login selected so that another can be typed over it. */
export function askWhy(login) {
  const start = `${COMMAND}why `;
  input.value = start + login;
  input.focus();
  input.setSelectionRange(start.length, input.value.length);
}
