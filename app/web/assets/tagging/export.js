// What is shown, as text for other programs.
import { shown, strictest } from "./cut.js";

const COLUMNS = [
  "file", "sha256", "tag", "confidence", "similarity", "score", "usual_threshold", "strictest_target", "category",
];

export function asJson(cards, cut) {
  const rows = done(cards).map((card) => ({
    file: card.name,
    sha256: card.result.sha256,
    model: card.model,
    vocabulary_revision: card.revision,
    precision_target: cut.auto ? null : cut.target,
    tags: shown(card.result, cut).map(asRow),
  }));
  return JSON.stringify(rows.length === 1 ? rows[0] : rows, null, 2);
}

export function asCsv(cards, cut) {
  const lines = [COLUMNS];
  for (const card of done(cards)) {
    for (const tag of shown(card.result, cut)) {
      const row = { ...asRow(tag), file: card.name, sha256: card.result.sha256, tag: tag.name };
      lines.push(COLUMNS.map((name) => row[name]));
    }
  }
  return lines.map((line) => line.map(quoted).join(",")).join("\r\n");
}

// What holds at any place of the slider; the `threshold` of the answer is that of the lowest.
const asRow = ({ implied, usual, threshold, precision_ranges, parents, ...tag }) => ({
  ...tag,
  strictest_target: strictest({ precision_ranges }),
  parents: parents.map((parent) => parent.name),
});

const done = (cards) => cards.filter((card) => card.state === "done");

function quoted(value) {
  let text = String(value ?? "");
  if (typeof value === "string" && /^[=+\-@\t]/.test(text)) text = `'${text}`; // no formula
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
