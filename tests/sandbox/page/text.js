// Slack's three kinds of text as DOM: mrkdwn, rich_text elements and the markdown block.
// A mention that would ping people is drawn as a loud badge, so that text which escaped its quotes is seen.
// `ctx`: { people: Map(id -> person), me: id, now: ms }.

import { el, safeUrl, slackDate, fullTime } from "./dom.js";
import { emoji } from "./emoji.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const STYLES = { "*": "strong", _: "em", "~": "s" };
const WORD = /[\p{L}\p{N}]/u;

export const decode = (text) => text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);

/** A text object (`plain_text` or `mrkdwn`), or a bare string taken as mrkdwn. */
export function textObject(object, ctx) {
  if (!object) return [];
  if (typeof object === "string") return mrkdwn(object, ctx);
  return object.type === "plain_text" ? plainText(object) : mrkdwn(object.text ?? "", ctx);
}

/** What a text object says, without any marks: for labels and options that can hold text only. */
export const textOf = (object) => decode(typeof object === "string" ? object : (object?.text ?? ""));

function plainText(object) {
  const text = decode(object.text ?? "");
  if (object.emoji === false) return [text];
  return text.split(/(:[a-z0-9_+-]+:)/).map((part) => (/^:.+:$/.test(part) && emoji(part.slice(1, -1))) || part);
}

/** mrkdwn with its quotes, bullets and preformatted parts, as a list of nodes. */
export function mrkdwn(source, ctx) {
  return source.split(/(```[\s\S]+?```)/).flatMap((part) => {
    if (/^```[\s\S]+```$/.test(part)) return [el("pre", {}, tokensOnly(part.slice(3, -3).replace(/^\n/, ""), ctx))];
    // The line breaks next to a preformatted box are the box's own.
    const text = part.replace(/^\n/, "").replace(/\n$/, "");
    return text === "" ? [] : lines(text, ctx);
  });
}

function lines(source, ctx) {
  const nodes = [];
  let quote = null;
  for (const line of source.split("\n")) {
    const quoted = line.match(/^(?:&gt;|>) ?(.*)$/);
    if (quoted) {
      quote ??= nodes[nodes.push(el("blockquote")) - 1];
      quote.append(...(quote.hasChildNodes() ? [el("br")] : []), ...inline(quoted[1], ctx));
      continue;
    }
    const bullet = line.match(/^(\s*)([•◦▪–-]) (.*)$/);
    if (bullet) {
      nodes.push(el("span", { class: "bullet" }, el("span", {}, bullet[2]), el("span", {}, inline(bullet[3], ctx))));
    } else {
      if (nodes.length > 0 && !isBlock(nodes.at(-1))) nodes.push(el("br"));
      nodes.push(...(line === "" && isBlock(nodes.at(-1)) ? [el("br")] : inline(line, ctx)));
    }
    quote = null;
  }
  return nodes;
}

const isBlock = (node) => node instanceof Element && (node.tagName === "BLOCKQUOTE" || node.className === "bullet");

/** One line: tokens, code, bold, italic, strike, emoji and entities. */
export function inline(source, ctx) {
  const nodes = [];
  let plain = "";
  let at = 0;
  const push = (node, length) => {
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(node);
    at += length;
  };
  while (at < source.length) {
    const rest = source.slice(at);
    const simple = special(rest, ctx);
    const end = simple ? 0 : styledEnd(source, at);
    if (simple) push(simple.node, simple.length);
    else if (end) push(el(STYLES[source[at]], {}, inline(source.slice(at + 1, end), ctx)), end + 1 - at);
    else plain += source[at++];
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function special(rest, ctx) {
  const tokenAt = rest.match(/^<([^<>\n]+)>/);
  if (tokenAt) return { node: token(tokenAt[1], ctx), length: tokenAt[0].length };
  const code = rest.match(/^`([^`\n]+)`/);
  if (code) return { node: el("code", {}, tokensOnly(code[1], ctx)), length: code[0].length };
  const entity = rest.match(/^&(?:amp|lt|gt);/);
  if (entity) return { node: ENTITIES[entity[0]], length: entity[0].length };
  const named = rest.match(/^:([a-z0-9_+-]+):/);
  const drawing = named && emoji(named[1]);
  return drawing ? { node: drawing, length: named[0].length } : null;
}

/** Where the mark that opens at `start` closes, or 0: Slack wants it at the edge of words. */
function styledEnd(source, start) {
  const mark = source[start];
  const next = source[start + 1];
  if (!Object.hasOwn(STYLES, mark) || !next || /\s/.test(next) || next === mark) return 0;
  if (start > 0 && WORD.test(source[start - 1])) return 0;
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === "<") at = Math.max(at, source.indexOf(">", at));
    const closes = source[at] === mark && !/\s/.test(source[at - 1]) && !WORD.test(source[at + 1] ?? " ");
    if (closes && at > start + 1) return at;
  }
  return 0;
}

/** Code keeps its characters, but Slack still reads the tokens in it. */
function tokensOnly(source, ctx) {
  return source.split(/(<[^<>\n]+>)/).map((part) => (/^<[^<>]+>$/.test(part) ? token(part.slice(1, -1), ctx) : decode(part)));
}

/** What stands between < and >: a mention, a date or a link. */
function token(body, ctx) {
  const [target, ...labels] = body.split("|");
  const label = labels.length > 0 ? decode(labels.join("|")) : null;
  if (target.startsWith("@")) return mention(target.slice(1), ctx);
  if (target.startsWith("#")) return el("span", { class: "mention" }, `#${label ?? target.slice(1)}`);
  if (target.startsWith("!date^")) return date(target.slice(6).split("^"), label, ctx);
  if (target.startsWith("!")) return ping(target.slice(1), label);
  return link(decode(target), label ?? decode(target), `<${body}>`);
}

function mention(id, ctx) {
  const name = ctx.people.get(id)?.name ?? id;
  return el("span", { class: id === ctx.me ? "mention me" : "mention", title: id }, `@${name}`);
}

function ping(name, label) {
  const who = name.startsWith("subteam^") ? (label ?? name.slice(8)) : name.split("^")[0];
  return el("span", { class: "ping", title: "This mention notifies people" }, who.startsWith("@") ? who : `@${who}`);
}

function date([unix, pattern, url], fallback, ctx) {
  const seconds = Number(unix);
  if (!Number.isFinite(seconds) || !pattern) return fallback ?? "";
  const at = new Date(seconds * 1000);
  const time = el("time", { datetime: at.toISOString(), title: fullTime(at) }, slackDate(seconds, pattern, ctx.now));
  return safeUrl(url) ? el("a", outside(url), time) : time;
}

const outside = (url) => ({ href: url, target: "_blank", rel: "noopener noreferrer" });

function link(url, label, raw) {
  return safeUrl(url) ? el("a", outside(url), label) : decode(raw);
}

// rich_text

/** The elements of a rich_text block. */
export function richText(elements, ctx) {
  return (elements ?? []).map((element) => richPart(element, ctx));
}

function richPart(part, ctx) {
  const inner = () => (part.elements ?? []).map((one) => richInline(one, ctx));
  switch (part.type) {
    case "rich_text_section": return el("div", { class: "rich-section" }, inner());
    case "rich_text_quote": return el("blockquote", {}, inner());
    case "rich_text_preformatted": return el("pre", {}, inner());
    case "rich_text_list": return richList(part, ctx);
    default: return el("div", { class: "unknown" }, `rich text part “${part.type}”`);
  }
}

function richList(part, ctx) {
  const ordered = part.style === "ordered";
  const items = (part.elements ?? []).map((item) => el("li", {}, (item.elements ?? []).map((one) => richInline(one, ctx))));
  const list = el(ordered ? "ol" : "ul", { class: "rich-list", start: ordered && part.offset ? part.offset + 1 : null }, items);
  list.style.setProperty("--indent", part.indent ?? 0);
  return list;
}

function richInline(one, ctx) {
  switch (one.type) {
    case "text": return styled(one.text, one.style);
    case "link": return styled(link(one.url, one.text ?? one.url, one.text ?? one.url), one.style);
    case "user": return mention(one.user_id, ctx);
    case "usergroup": return ping(one.usergroup_id, null);
    case "broadcast": return ping(one.range, null);
    case "channel": return el("span", { class: "mention" }, `#${one.channel_id}`);
    case "emoji": return emoji(one.name) ?? `:${one.name}:`;
    case "date": return date([one.timestamp, one.format, one.url], one.fallback, ctx);
    default: return el("span", { class: "unknown" }, one.type);
  }
}

function styled(content, style = {}) {
  const tags = [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]];
  return tags.filter(([name]) => style[name]).reduce((inner, [, tag]) => el(tag, {}, inner), content);
}

// markdown block

/** Standard markdown, as far as bots write it: headings, lists, quotes, fences, paragraphs. */
export function markdown(source, ctx) {
  return source.split(/(^```[^\n]*\n[\s\S]*?^```$)/m).flatMap((part) => {
    const fence = part.match(/^```[^\n]*\n([\s\S]*?)\n?```$/);
    if (fence) return [el("pre", {}, fence[1])];
    return part.split(/\n\s*\n/).filter((one) => one.trim()).flatMap((one) => paragraph(one.trim(), ctx));
  });
}

function paragraph(source, ctx) {
  const heading = source.match(/^(#{1,6}) ([^\n]*)\n?([\s\S]*)$/);
  if (heading) {
    const rest = heading[3].trim() ? paragraph(heading[3].trim(), ctx) : [];
    return [el("h4", {}, markdownInline(heading[2], ctx)), ...rest];
  }
  if (/^(-{3,}|\*{3,})$/.test(source)) return [el("hr")];
  const rows = source.split("\n");
  const list = (tag, mark) => [el(tag, { class: "rich-list" }, rows.map((row) => el("li", {}, markdownInline(row.replace(mark, ""), ctx))))];
  if (rows.every((row) => /^\s*[-*+] /.test(row))) return list("ul", /^\s*[-*+] /);
  if (rows.every((row) => /^\s*\d+[.)] /.test(row))) return list("ol", /^\s*\d+[.)] /);
  if (rows.every((row) => row.startsWith(">"))) return [el("blockquote", {}, joined(rows.map((row) => row.replace(/^> ?/, "")), ctx))];
  return [el("p", {}, joined(rows, ctx))];
}

const joined = (rows, ctx) => rows.flatMap((row, index) => [...(index ? [el("br")] : []), ...markdownInline(row, ctx)]);

const MARKDOWN = [
  [/\\([\\`*_~[\]()#<>!-])/, (m) => m[1]],
  [/`([^`]+)`/, (m) => el("code", {}, m[1])],
  [/\[([^\]]+)\]\(([^()\s]+)\)/, (m) => link(m[2], m[1], m[0])],
  [/(\*\*|__)(?=\S)(.+?\S?)\1/, (m, ctx) => el("strong", {}, markdownInline(m[2], ctx))],
  [/~~(?=\S)(.+?)~~/, (m, ctx) => el("s", {}, markdownInline(m[1], ctx))],
  [/(?<![\p{L}\p{N}])([*_])(?=\S)([^*_]+?)\1(?![\p{L}\p{N}])/u, (m, ctx) => el("em", {}, markdownInline(m[2], ctx))],
  [/<([@#!][^<>\n]+)>/, (m, ctx) => token(m[1], ctx)],
  [/:([a-z0-9_+-]+):/, (m) => emoji(m[1]) ?? m[0]],
  [/&(?:amp|lt|gt);/, (m) => ENTITIES[m[0]]],
];

function markdownInline(source, ctx) {
  const found = MARKDOWN.map(([pattern, make]) => ({ match: source.match(pattern), make })).filter(({ match }) => match);
  if (found.length === 0) return source ? [source] : [];
  const first = found.reduce((best, one) => (one.match.index < best.match.index ? one : best));
  const { match, make } = first;
  const after = source.slice(match.index + match[0].length);
  return [source.slice(0, match.index), make(match, ctx), ...markdownInline(after, ctx)].filter((one) => one !== "");
}
