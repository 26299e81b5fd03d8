// The words of the page in the reader's language; Chinese unless they switch.
import { createStore, remember, remembered } from "./store.js";
import en from "./words/en.js";
import zh from "./words/zh.js";

const WORDS = { zh, en };
const TAGS = { zh: "zh-CN", en: "en" };

export const language = createStore(remembered("lang", "zh") === "en" ? "en" : "zh");

export function switchLanguage() {
  const next = language.get() === "zh" ? "en" : "zh";
  remember("lang", next);
  language.set(next);
}

// The words of that name, with `{n}` replaced by the value of n.
export function t(name, values = {}) {
  const words = WORDS[language.get()][name];
  if (words === undefined) {
    console.error(`no words for ${name}`);
    return name;
  }
  return words.replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
}

export const has = (name) => name in WORDS[language.get()];
export const langTag = () => TAGS[language.get()];

export const percent = (share, digits = 0) =>
  share === null || share === undefined || Number.isNaN(share)
    ? "—"
    : `${(100 * share).toFixed(digits)}%`;

export const decimal = (value, digits = 3) =>
  typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : "—";

export const count = (value) =>
  typeof value === "number" ? new Intl.NumberFormat(langTag()).format(value) : "—";

export function when(iso) {
  const date = new Date(iso);
  const today = new Date().toDateString() === date.toDateString();
  const style = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(langTag(), style).format(date);
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 2 ** 20) return `${(bytes / 1024).toFixed(0)} KB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`;
}
