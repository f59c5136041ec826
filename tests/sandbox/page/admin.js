// The fake org's admin page about one account: its status, who changed it, and two ways back for a suspended one.

import { ago, el, fullTime, redraw, shortDate, timeOfDay } from "./dom.js";

const LOOK_AGAIN_MS = 1000;
const id = location.pathname.split("/").pop();
const main = document.getElementById("account");

const WORDS = {
  "user.lifecycle.suspend": "suspended",
  "user.lifecycle.unsuspend": "restored",
};

async function look() {
  const response = await fetch(`/account/${encodeURIComponent(id)}`, { cache: "no-store" }).catch(() => null);
  if (response?.status === 404) return redraw(main, "none", () => el("p", { class: "empty" }, "There is no such account."));
  if (!response?.ok) return redraw(main, "gone", () => el("p", { class: "empty" }, "The sandbox does not answer."));
  const { account, changes, now } = await response.json();
  document.title = `${account.name}: fake Okta`;
  redraw(main, [account, changes], () => [person(account, changes, Date.parse(now)), log(changes)]);
}

function person(account, changes, now) {
  const last = changes[0];
  const rows = [
    ["Login", account.login],
    ["Type", account.userType],
    ["Organization", account.organization],
    ["Manager", account.manager],
    ["Groups", account.groups.join(", ")],
    ["Admin roles", account.adminRoles.join(", ")],
    ["Created", moment(account.created, now)],
    ["Last sign-in", account.lastLogin ? moment(account.lastLogin, now) : "never"],
    ["Status since", account.statusChanged && moment(account.statusChanged, now)],
    ["Status changed by", last ? `${last.by} (${last.by_kind})` : "no change in the System Log"],
  ];
  return el("section", { class: "panel card", "aria-labelledby": "account-name" },
    el("h2", { id: "account-name" }, account.name, " ", el("span", { class: "status", data: { status: account.status } }, account.status)),
    el("dl", {}, rows.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    el("div", { class: "actions-block", role: "group", "aria-label": "Bring back" },
      back("import", "Bring back by HR import", account.status), back("admin", "Bring back as admin", account.status)),
    el("p", { class: "error", role: "alert", id: "refused" }));
}

function back(by, label, status) {
  return el("button", { type: "button", class: "bk-button", id: `back-${by}`, disabled: status !== "SUSPENDED", onclick: () => bringBack(by) }, label);
}

async function bringBack(by) {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ do: "bring_back", okta: id, by });
  const response = await fetch("/act", { method: "POST", headers, body }).catch(() => null);
  const answer = (await response?.json()) ?? { ok: false, error: "The sandbox does not answer." };
  await look();
  document.getElementById("refused").textContent = answer.ok ? "" : answer.error;
}

function log(changes) {
  const line = (one) => el("tr", { data: { event: one.event } },
    el("td", {}, moment(one.at)), el("td", {}, WORDS[one.event] ?? one.event), el("td", {}, `${one.by} (${one.by_kind})`));
  return el("section", { class: "panel card", "aria-labelledby": "log-title" },
    el("h2", { id: "log-title" }, "System Log: status changes, newest first"),
    changes.length === 0 ? el("p", { class: "empty" }, "Nothing in the last 90 days.") :
      el("table", { id: "changes" },
        el("thead", {}, el("tr", {}, ["When", "What", "Who"].map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", {}, changes.map(line))));
}

function moment(text, now) {
  const at = new Date(text);
  return el("time", { datetime: text, title: fullTime(at) }, `${shortDate(at)}, ${timeOfDay(at)}${now ? ` (${ago(at, now)})` : ""}`);
}

look();
setInterval(look, LOOK_AGAIN_MS);
