// What is shown, as text for other programs.
import { needed, shown } from "./cut.js";

const COLUMNS = ["file", "sha256", "tag", "confidence", "similarity", "score", "threshold", "category"];

export function asJson(cards, cut, usual) {
  const rows = done(cards).map((card) => ({
    file: card.name,
    sha256: card.result.sha256,
    model: card.model,
    vocabulary_revision: card.revision,
    min_confidence: needed(cut, usual),
    tags: shown(card.result, cut, usual).map(({ implied, parents, ...tag }) => ({
      ...tag,
      parents: parents.map((parent) => parent.name),
    })),
  }));
  return JSON.stringify(rows.length === 1 ? rows[0] : rows, null, 2);
}

export function asCsv(cards, cut, usual) {
  const lines = [COLUMNS];
  for (const card of done(cards)) {
    for (const tag of shown(card.result, cut, usual)) {
      const row = { ...tag, file: card.name, sha256: card.result.sha256, tag: tag.name };
      lines.push(COLUMNS.map((name) => row[name]));
    }
  }
  return lines.map((line) => line.map(quoted).join(",")).join("\r\n");
}

const done = (cards) => cards.filter((card) => card.state === "done");

function quoted(value) {
  let text = String(value ?? "");
  if (typeof value === "string" && /^[=+\-@\t]/.test(text)) text = `'${text}`; // no formula
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
