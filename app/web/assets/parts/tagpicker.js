// A field that suggests tags of the vocabulary while one types.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";

const SUGGESTED = 12;
const PAUSE_MS = 150;
let made = 0;

// The active tags whose name, alias or pinyin holds the text, best first.
export async function findTags(text, signal) {
  const page = await get("/v1/vocabulary/tags", { query: text, state: "active", limit: SUGGESTED }, signal);
  return page.items;
}

export function useTagSuggestions(text) {
  const [found, setFound] = useState([]);
  useEffect(() => {
    if (!text.trim()) {
      setFound([]);
      return undefined;
    }
    const stop = new AbortController();
    const timer = setTimeout(() => {
      findTags(text.trim(), stop.signal).then(setFound, () => {});
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);
  return found;
}

export function TagPicker({ label, placeholder, action, onTag }) {
  const [text, setText] = useState("");
  const [list] = useState(() => `tags-${(made += 1)}`);
  const found = useTagSuggestions(text);
  const submit = async (event) => {
    event.preventDefault();
    const name = text.trim();
    if (!name) return;
    const known = found.length ? found : await findTags(name).catch(() => []);
    const exact = known.find((tag) => tag.name === name || tag.aliases.includes(name));
    if (await onTag(exact ?? null, name)) setText("");
  };
  return html`
    <form class="row" onSubmit=${submit}>
      <input
        class="input grow"
        aria-label=${label}
        placeholder=${placeholder}
        list=${list}
        value=${text}
        onInput=${(event) => setText(event.target.value)}
      />
      <datalist id=${list}>
        ${found.map((tag) => html`<option value=${tag.name}>${tag.category}</option>`)}
      </datalist>
      <button class="button" disabled=${!text.trim()}>${action}</button>
    </form>
  `;
}
