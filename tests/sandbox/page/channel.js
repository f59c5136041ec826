// The messages of one conversation: posts, threads, files and ephemeral notes.

import { ago, dayName, el, flash, fullTime, reconcile, redraw, timeOfDay } from "./dom.js";
import { mrkdwn } from "./text.js";
import { readValues, showBlocks } from "./blocks.js";
import { drawFiles } from "./files.js";

const list = document.getElementById("messages");
const dismissed = new Set(); // ids of ephemeral notes; Slack too forgets them on this side only
let onAction = () => {};
const folded = new Set(); // threads that the person closed
const seenIn = new Map(); // person and conversation -> key -> revision of what was shown before
let seen = null; // that of the conversation that is shown, null the first time
let place = null;

/** `click` gets { action, confirm, control, where, values } of each control that a person uses in a message. */
export function startChannel(click) {
  onAction = click;
}

/** Shows a conversation as `ctx.me` sees it. `ctx` is that of blocks.js with `bot`. */
export function showChannel(state, ctx, channel) {
  const here = `${ctx.me}/${channel}`;
  const stuck = place !== here || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  place = here;
  seen = seenIn.get(here) ?? null;
  const items = channel ? timeline(state, ctx.me, channel) : [];
  const fresh = seen !== null && items.some((item) => !seen.has(item.key));
  reconcile(list, items, (item) => item.key, createItem, (node, item, isNew) => updateItem(node, item, ctx, isNew));
  announce(items, ctx);
  seenIn.set(here, seen);
  if (stuck || fresh) list.scrollTop = list.scrollHeight;
  return items.length;
}

function timeline(state, me, channel) {
  const byTime = (a, b) => Date.parse(a.at) - Date.parse(b.at);
  const notes = state.ephemerals.filter((note) => note.channel === channel && note.user === me && !dismissed.has(note.id));
  const all = [
    ...state.messages.filter((message) => message.channel === channel).map((message) => ({ ...message, kind: "message", key: message.ts })),
    ...notes.map((note) => ({ ...note, kind: "ephemeral", key: `note-${note.id}` })),
  ].sort(byTime);
  const isReply = (item) => item.thread_ts && item.thread_ts !== item.ts;
  const replies = Map.groupBy(all.filter(isReply), (item) => item.thread_ts);
  return all.filter((item) => !isReply(item) || item.broadcast).map((item) => ({ ...item, replies: replies.get(item.ts) ?? [] }));
}

/** Changes with what the message says. An ephemeral note can be replaced where it stands, without a count. */
const revisionOf = (item) =>
  item.kind === "ephemeral" ? JSON.stringify([item.text, item.blocks]) : String(item.revision_count ?? 0);

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

const shownRevision = new WeakMap(); // a message's node -> the revision that it shows

function updateItem(node, item, ctx, isNew) {
  const main = node.firstElementChild;
  const values = readValues(main);
  const day = new Date(ctx.now).toDateString();
  redraw(main, [item.user, item.at, item.broadcast, ctx.people.get(item.user)?.name, day, ctx.me], () => frame(item, ctx));
  showContent(main.querySelector(".content"), item, { ...ctx, values });
  redraw(main.querySelector(".attached"), item.files ?? [], () => drawFiles(item.files) ?? []);
  const revision = revisionOf(item);
  if (!isNew && shownRevision.get(node) !== revision) flash(main);
  if (isNew && seen !== null) node.classList.add("arrived");
  shownRevision.set(node, revision);
  node.dataset.revision = item.revision_count ?? 0;
  updateThread(node, item, ctx);
}

/** The author and the time; what the message says is drawn by itself, and often changes alone. */
function frame(item, ctx) {
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
        el("div", { class: "content" }), el("div", { class: "attached" }))),
  ].filter(Boolean);
}

/** Blocks, or else the text as the only one. */
function showContent(parent, item, ctx) {
  const text = { type: "section", block_id: "text", text: { type: "mrkdwn", text: item.text ?? "" } };
  const blocks = item.blocks?.length ? item.blocks : item.text ? [text] : [];
  showBlocks(parent, blocks, ctx);
}

function dismiss(id) {
  dismissed.add(id);
  const note = list.querySelector(`[data-ephemeral-id="${CSS.escape(id)}"]`);
  // The keyboard goes on from where the note was.
  (note?.previousElementSibling ?? list).focus({ preventScroll: true });
  note?.remove();
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
  const replies = item.replies.map((reply) => ({ ...reply, broadcast: false, replies: [] }));
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
  const all = items.flatMap((item) => [item, ...item.replies]);
  const news = seen === null ? [] : all.filter((item) => seen.get(item.key) !== revisionOf(item));
  seen = new Map([...(seen ?? []), ...all.map((item) => [item.key, revisionOf(item)])]);
  if (news.length === 0) return;
  const lines = news.map((item) => {
    const text = el("span", {}, mrkdwn(item.text ?? "", ctx)).textContent;
    return `${item.kind === "ephemeral" ? "Only visible to you" : (ctx.people.get(item.user)?.name ?? ctx.bot.name)}: ${text}`;
  });
  document.getElementById("announce").textContent = lines.join(". ");
}
