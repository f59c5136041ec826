// The slash command box: a history (arrow up and down), and completion of subcommands and people.

import { el } from "./dom.js";

const COMMAND = "/inactive-contractors ";
const HISTORY_MAX = 50;
const OFFERED_MAX = 8;
/** Subcommands whose first word is a person. */
const ABOUT_PEOPLE = ["why", "exempt", "unexempt", "leave", "restore", "audit", "export"];

const input = document.getElementById("command");
const listbox = document.getElementById("suggestions");
const history = JSON.parse(sessionStorage.getItem("history") ?? "[]");
let at = history.length; // the place in the history that the box shows; its end is the line that is being written
let draft = COMMAND;
let offered = []; // { text, label, about }; text is the whole line once it is taken
let chosen = -1;
let known = { commands: [], people: [] };
let sendLine = () => false;

/** Wires the composer; `send(text)` resolves to whether Slack took it, `suggestLogin()` names somebody to ask about. */
export function startComposer(send, suggestLogin) {
  sendLine = send;
  input.value = COMMAND;
  document.getElementById("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) run(input.value.trim());
  });
  input.addEventListener("keydown", onKey);
  input.addEventListener("input", () => offer(suggestions(input.value)));
  input.addEventListener("blur", () => offer([]));
  document.getElementById("chips").addEventListener("click", (event) => {
    const { say } = event.target.dataset;
    if (say === "why") askWhy(suggestLogin());
    else if (say !== undefined) run(`${COMMAND}${say}`.trim());
  });
}

/** What can be completed: the bot's `commands` ({ name, about }) and `people` ({ login, name }). */
export function completeFrom(commands, people) {
  known = { commands, people };
}

/** Puts `why <login>` into the composer, with the login selected so that another can be typed over it. */
export function askWhy(login) {
  const start = `${COMMAND}why `;
  input.value = start + login;
  input.focus();
  input.setSelectionRange(start.length, input.value.length);
}

async function run(text) {
  offer([]);
  if (!(await sendLine(text))) return;
  if (history.at(-1) !== text) history.push(text);
  sessionStorage.setItem("history", JSON.stringify(history.slice(-HISTORY_MAX)));
  at = history.length;
  write(COMMAND);
}

function write(line) {
  input.value = line;
  input.setSelectionRange(line.length, line.length);
}

function onKey(event) {
  if (event.isComposing) return;
  const handled = offered.length > 0 ? inList(event.key) : inHistory(event.key);
  if (handled) event.preventDefault();
}

function inHistory(key) {
  if (key === "ArrowDown" && at === history.length) {
    offer(suggestions(input.value, true));
    return true;
  }
  const step = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (!step || history.length === 0) return false;
  if (at === history.length) draft = input.value;
  at = Math.max(0, Math.min(history.length, at + step));
  write(history[at] ?? draft);
  return true;
}

function inList(key) {
  switch (key) {
    case "ArrowDown": choose((chosen + 1) % offered.length); return true;
    case "ArrowUp":
      if (chosen > 0) choose(chosen - 1);
      else if (chosen === 0) choose(-1);
      else {
        offer([]);
        return inHistory(key);
      }
      return true;
    case "Enter":
      if (chosen < 0) return false; // sends the line as it stands
      take(chosen);
      return true;
    case "Tab": take(Math.max(chosen, 0)); return true;
    case "Escape": offer([]); return true;
    default: return false;
  }
}

/** What the line may become. Of an empty word everything is offered only when the person asks. */
function suggestions(line, asked = false) {
  if (line.startsWith("/") && line !== COMMAND && COMMAND.startsWith(line)) return [{ text: COMMAND, label: COMMAND.trim(), about: "" }];
  const [, command, help = "", word] = line.match(/^(\/inactive-contractors\s+)(help\s+)?(\S*)$/) ?? [];
  if (command) return word || asked ? subcommands(command + help, word) : [];
  const [, before, name, person] = line.match(/^(\/inactive-contractors\s+(\S+)\s+)(\S*)$/) ?? [];
  return ABOUT_PEOPLE.includes(name) && (person.length > 1 || asked) ? people(before, person) : [];
}

function subcommands(before, word) {
  const fits = known.commands.filter(({ name }) => name.startsWith(word.toLowerCase()) && name !== word);
  return fits.map(({ name, about }) => ({ text: `${before}${name} `, label: name, about }));
}

function people(before, word) {
  const typed = word.toLowerCase();
  const fits = known.people.filter(({ login, name }) => login !== word && `${login} ${name}`.toLowerCase().includes(typed));
  return fits.slice(0, OFFERED_MAX).map(({ login, name }) => ({ text: `${before}${login} `, label: login, about: name }));
}

function offer(list) {
  offered = list;
  listbox.replaceChildren(...list.map((one, index) =>
    el("li", {
      role: "option", id: `suggestion-${index}`, "aria-selected": "false", data: { value: one.label },
      // Not a click: that would take the focus from the box first.
      onmousedown: (event) => { event.preventDefault(); take(index); },
    }, el("strong", {}, one.label), " ", el("span", {}, one.about))));
  listbox.hidden = list.length === 0;
  input.setAttribute("aria-expanded", String(list.length > 0));
  choose(-1);
}

function choose(index) {
  chosen = index;
  [...listbox.children].forEach((option, number) => option.setAttribute("aria-selected", String(number === index)));
  if (index < 0) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", listbox.children[index].id);
  listbox.children[index].scrollIntoView({ block: "nearest" });
}

function take(index) {
  write(offered[index].text);
  at = history.length;
  offer(suggestions(input.value));
}
