// The fake Okta org: its people and the bot's audit history.

import { ago, el, flash, fullTime, reconcile, redraw, shortDate, timeOfDay, dayAndMonth } from "./dom.js";
import { openMenu } from "./menu.js";

const AUDIT_ROWS_MAX = 300; // a long-lived sandbox must not slow the page down
const filter = document.getElementById("okta-type");
const search = document.getElementById("okta-search");
const peopleRows = document.querySelector("#okta tbody");
const auditRows = document.querySelector("#audit tbody");
let latest = null; // what the last state said, to filter again without asking

/** Shows people and audit. `actions`: { signIn(id), sso(id), why(login) }. */
export function showOrg(state, now, actions) {
  const first = latest === null;
  latest = { state, now, actions };
  showTypes(state.okta, first);
  showPeople();
  showAudit(state.audit, now, first);
}

filter.addEventListener("change", () => latest && showPeople());
search.addEventListener("input", () => latest && showPeople());

function showTypes(okta, first) {
  const types = [...new Set(okta.map((one) => one.userType ?? ""))].sort();
  const label = (type) => type || "No user type";
  const changed = redraw(filter, types, () => [
    el("option", { value: "*" }, "Everyone"),
    ...types.map((type) => el("option", { value: type }, `${label(type)} only`)),
  ]);
  const contractors = types.find((type) => /contract/i.test(type));
  if (changed && first && contractors !== undefined) filter.value = contractors;
}

function showPeople() {
  const { state, now } = latest;
  const typed = search.value.trim().toLowerCase();
  const text = (one) => [one.name, one.login, one.status, one.organization, one.manager, ...(one.groups ?? [])].join(" ").toLowerCase();
  const fits = (one) => !typed || text(one).includes(typed);
  const shown = state.okta
    .filter((one) => (filter.value === "*" || (one.userType ?? "") === filter.value) && fits(one))
    .sort((a, b) => since(a) - since(b) || a.login.localeCompare(b.login));
  reconcile(peopleRows, shown, (one) => one.id, createPerson, updatePerson);
  const suspended = shown.filter((one) => one.status === "SUSPENDED").length;
  document.getElementById("okta-count").textContent = `${shown.length} shown, ${suspended} suspended`;
  document.getElementById("okta-empty").hidden = shown.length > 0;
  document.getElementById("people-total").textContent = state.okta.length;
  document.getElementById("okta-asof").dateTime = new Date(now).toISOString();
}

/** Never signed in comes first: longest idle at the top. */
const since = (one) => (one.lastLogin ? Date.parse(one.lastLogin) : 0);

function createPerson(person) {
  return el("tr", { data: { oktaLogin: person.login, oktaId: person.id } });
}

function updatePerson(row, person, isNew) {
  const relative = person.lastLogin ? ago(new Date(person.lastLogin), latest.now) : "";
  const before = row.dataset.status;
  const drawn = redraw(row, [person, relative], () => personCells(person, relative));
  row.dataset.status = person.status;
  if (drawn && !isNew && before && before !== person.status) flash(row);
}

function personCells(person, relative) {
  const last = person.lastLogin && new Date(person.lastLogin);
  const details = [person.organization, person.manager && `manager ${person.manager}`].filter(Boolean).join(" · ");
  const menu = el("button", {
    type: "button", class: "icon person-menu", id: `menu-${person.id}`, "aria-haspopup": "menu", "aria-label": `Actions for ${person.name}`,
    onclick: () => openMenu(menu, [
      { label: "Sign in now", value: "sign_in", run: () => latest.actions.signIn(person.id) },
      { label: "Use an app (SSO, no Okta sign-in)", value: "sso", run: () => latest.actions.sso(person.id) },
      { label: "Open in the admin console", value: "console", href: `/admin/user/profile/view/${person.id}`, run: () => {} },
      { label: "Ask the bot why", value: "why", run: () => latest.actions.why(person.login) },
    ]),
  }, "⋯");
  return [
    el("td", { title: [person.login, details].filter(Boolean).join("\n") },
      el("strong", { class: "name" }, person.name), el("span", { class: "sub login" }, person.login)),
    el("td", {}, person.userType || el("em", {}, "none"), el("span", { class: "sub" },
      person.adminRole && el("span", { class: "tag admin" }, person.adminRole),
      (person.groups ?? []).filter((group) => group !== "Everyone").map((group) => el("span", { class: "tag" }, group)))),
    el("td", {}, el("span", { class: "status", data: { status: person.status } }, person.status)),
    el("td", {}, last
      ? el("time", { datetime: person.lastLogin, title: fullTime(last) }, relative, el("span", { class: "sub" }, shortDate(last)))
      : el("span", {}, "never", person.created && el("span", { class: "sub" }, `added ${shortDate(new Date(person.created))}`))),
    el("td", { class: "narrow" }, menu),
  ];
}

function showAudit(audit, now, first) {
  const newest = audit.slice(-AUDIT_ROWS_MAX).reverse();
  reconcile(auditRows, newest, (entry) => entry.seq, (entry) => el("tr", { data: { seq: entry.seq, event: entry.event } }),
    (row, entry, isNew) => redraw(row, entry, () => auditCells(entry)) && isNew && !first && flash(row));
  document.getElementById("audit-total").textContent = audit.length;
  document.getElementById("audit-empty").hidden = audit.length > 0;
  const hidden = audit.length - newest.length;
  document.getElementById("audit-more").textContent = hidden > 0 ? `${hidden} older entries are not shown.` : "";
}

/** Lets a dotted name or a login break at its joints rather than anywhere. */
const breakable = (text) => text.split(/(?=[@._])/).flatMap((part) => [part, el("wbr")]);

function auditCells(entry) {
  const at = new Date(entry.at);
  return [
    el("td", { class: "narrow number" }, String(entry.seq)),
    el("td", {}, el("time", { datetime: entry.at, title: fullTime(at) }, timeOfDay(at), el("span", { class: "sub" }, dayAndMonth(at)))),
    el("td", {}, entry.actor),
    el("td", {}, el("span", { class: "event" }, breakable(entry.event))),
    el("td", {}, breakable(entry.subject ?? "")),
    el("td", { class: "detail", title: entry.detail || null }, el("div", { class: "clamp" }, entry.detail ?? "")),
  ];
}
