// A tag as the fields of a form, and back: lists are text here.

const LINES = ["prompt_templates", "negative_prompts"];
const WORDS = ["parents", "aliases"];
const PLAIN = ["name", "category", "gloss", "description", "notes", "exclusive_group", "state", "target"];

export const EMPTY = {
  name: "",
  category: "",
  parents: [],
  aliases: [],
  gloss: "",
  description: "",
  prompt_templates: [],
  negative_prompts: [],
  state: "active",
  threshold: null,
  target: "",
  notes: "",
  exclusive_group: "",
};

export function toForm(tag) {
  const form = {};
  for (const name of PLAIN) form[name] = tag[name];
  for (const name of LINES) form[name] = tag[name].join("\n");
  form.aliases = tag.aliases.join("、");
  form.parents = tag.parents.map((one) => one.name ?? one).join("、");
  form.threshold = tag.threshold === null ? "" : String(tag.threshold);
  return form;
}

export function fromForm(form) {
  const tag = {};
  for (const name of PLAIN) tag[name] = form[name].trim();
  for (const name of LINES) tag[name] = split(form[name], /\n+/);
  for (const name of WORDS) tag[name] = split(form[name], /[、,，;；|\n]+/);
  tag.threshold = form.threshold.trim() === "" ? null : Number(form.threshold);
  return tag;
}

// The fields that differ, as the service takes them.
export function changes(before, form) {
  const old = fromForm(toForm(before));
  const now = fromForm(form);
  return Object.fromEntries(
    Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name])),
  );
}

const split = (text, by) =>
  text
    .split(by)
    .map((part) => part.trim())
    .filter(Boolean);
