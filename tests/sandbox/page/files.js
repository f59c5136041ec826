// Uploaded files: a picture is shown, anything else is a card with its name, size and a link to download it.

import { el } from "./dom.js";

/** Where this server keeps the uploaded file. */
export const fileUrl = (id) => `/file/${encodeURIComponent(id)}`;

const KINDS = { csv: "CSV table", json: "JSON document", zip: "Zip archive", png: "PNG picture", txt: "Text", html: "Web page" };
const PICTURES = /^image\/(png|jpeg|gif|webp)$/;

/** The files of a message, or null if it has none. */
export function drawFiles(files) {
  if (!files?.length) return null;
  return el("ul", { class: "files", "aria-label": "Files" }, files.map((file) =>
    el("li", { class: "file", data: { fileId: file.id, fileName: file.name } }, PICTURES.test(file.mimetype) ? shown(file) : card(file))));
}

const download = (file) =>
  el("a", { class: "download", href: `${fileUrl(file.id)}?download`, download: file.name, "aria-label": `Download ${file.name}` }, "Download");

function shown(file) {
  return el("figure", {},
    el("figcaption", {}, el("span", {}, file.title || file.name), el("span", { class: "size" }, size(file.size)), download(file)),
    el("a", { href: fileUrl(file.id), target: "_blank", rel: "noopener noreferrer" },
      el("img", { class: "picture large", src: fileUrl(file.id), alt: file.alt || file.title || file.name })));
}

function card(file) {
  const ending = file.name.split(".").pop().toLowerCase();
  return el("div", { class: "file-card" },
    el("span", { class: "file-icon", "aria-hidden": "true" }, ending.slice(0, 4)),
    el("span", { class: "file-name" }, el("strong", {}, file.name),
      el("small", {}, [file.title !== file.name && file.title, KINDS[ending], size(file.size)].filter(Boolean).join(" · "))),
    download(file));
}

/** "512 bytes", "12.3 KB". */
export function size(bytes) {
  if (!Number.isFinite(bytes)) return "";
  if (bytes < 1000) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  const [unit, name] = bytes < 1_000_000 ? [1000, "KB"] : [1_000_000, "MB"];
  return `${(bytes / unit).toFixed(1)} ${name}`;
}
