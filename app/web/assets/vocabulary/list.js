// The tags, found as one types; each opens in its place.
import { get } from "../api.js";
import { html, useCallback, useEffect, useState } from "../html.js";
import { count, t } from "../i18n.js";
import { Icon } from "../parts/icon.js";
import { ProblemNote } from "../parts/problem.js";
import { useStore } from "../store.js";
import { Editor } from "./editor.js";
import { Item } from "./item.js";
import { lookAgain, overview } from "./overview.js";

const PAGE = 50;
const PAUSE_MS = 180;

// The pages read so far of what is asked for; `more` reads the next.
function useTags(asked) {
  const [state, setState] = useState({ items: [], next: null, error: null, busy: true });
  const key = JSON.stringify(asked);
  const read = useCallback(
    async (cursor, signal) => {
      try {
        const page = await get("/v1/vocabulary/tags", { ...asked, limit: PAGE, cursor }, signal);
        setState((before) => ({
          items: cursor ? [...before.items, ...page.items] : page.items,
          next: page.next,
          error: null,
          busy: false,
        }));
      } catch (error) {
        if (error.name !== "AbortError") setState((before) => ({ ...before, error, busy: false }));
      }
    },
    [key],
  );
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => read(null, stop.signal), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [read]);
  const put = (change) => setState((before) => ({ ...before, items: change(before.items) }));
  return { ...state, put, more: () => read(state.next), again: () => read(null) };
}

export function TagList({ asked }) {
  const known = useStore(overview);
  const [query, setQuery] = useState(asked);
  const [category, setCategory] = useState("");
  const [state, setState] = useState("");
  const [open, setOpen] = useState(asked ? null : "");
  const [adding, setAdding] = useState(false);
  const tags = useTags({ query: query.trim(), category, state });

  useEffect(() => {
    // Whoever came for one tag has it open.
    if (open === null && tags.items.length) setOpen(tags.items[0].id);
  }, [open, tags.items]);

  const saved = (tag) => {
    tags.put((items) => items.map((one) => (one.id === tag.id ? tag : one)));
    lookAgain();
  };
  const gone = (id) => {
    tags.put((items) => items.filter((one) => one.id !== id));
    setOpen("");
    lookAgain();
  };
  const created = (tag) => {
    tags.put((items) => [tag, ...items.filter((one) => one.id !== tag.id)]);
    setAdding(false);
    setOpen("");
    lookAgain();
  };
  return html`
    <div class="list-tools">
      <label class="find grow">
        <${Icon} name="search" />
        <span class="heard">${t("list.search")}</span>
        <input
          class="input"
          type="search"
          placeholder=${t("list.search")}
          value=${query}
          onInput=${(event) => setQuery(event.target.value)}
        />
      </label>
      <select class="input" aria-label=${t("list.category")} value=${category}
        onChange=${(event) => setCategory(event.target.value)}>
        <option value="">${t("list.category.all")}</option>
        ${Object.entries(known?.categories ?? {}).map(
          ([name, n]) => html`<option value=${name}>${name || t("list.category.none")} (${count(n)})</option>`,
        )}
      </select>
      <select class="input" aria-label=${t("list.state")} value=${state}
        onChange=${(event) => setState(event.target.value)}>
        <option value="">${t("list.state.all")}</option>
        <option value="active">${t("state.active")}</option>
        <option value="paused">${t("state.paused")}</option>
      </select>
      <button type="button" class="button primary" onClick=${() => setAdding(true)}>
        <${Icon} name="plus" />${t("list.new")}
      </button>
    </div>
    ${adding &&
    html`<section class="panel new-tag" aria-label=${t("list.new")}>
      <h2>${t("list.new")}</h2>
      <${Editor} name=${query.trim()} onSaved=${created} onClose=${() => setAdding(false)} />
    </section>`}
    <${ProblemNote} error=${tags.error} />
    ${!tags.busy && tags.items.length === 0 && !tags.error &&
    html`<div class="empty">
      <${Icon} name="search" />
      <h2>${t("list.nothing")}</h2>
      <p>${t("list.nothing.hint")}</p>
    </div>`}
    <ul class="items panel" hidden=${tags.items.length === 0}>
      ${tags.items.map(
        (tag) => html`<${Item}
          key=${tag.id}
          tag=${tag}
          open=${open === tag.id}
          onToggle=${() => setOpen(open === tag.id ? "" : tag.id)}
          onSaved=${saved}
          onGone=${gone}
          onRestored=${tags.again}
        />`,
      )}
    </ul>
    ${tags.next &&
    html`<p class="more"><button type="button" class="button" onClick=${tags.more}>${t("more")}</button></p>`}
  `;
}
