// A field for words, a place for a picture, and a grid of what is like it.
import { post } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { decimal, t } from "../i18n.js";
import { DropVeil, PickButton, useIncoming } from "../parts/dropzone.js";
import { Icon } from "../parts/icon.js";
import { Picture, StoredPicture } from "../parts/pictures.js";
import { ProblemNote } from "../parts/problem.js";
import { toastProblem } from "../parts/toast.js";
import { createStore, useStore } from "../store.js";
import { collectionChanges } from "./adder.js";
import { base64Of } from "./encoding.js";
import { ImageSheet } from "./image.js";

const PAGE = 40;
const IDEAS = ["ideas.1", "ideas.2", "ideas.3", "ideas.4"];

// What is looked for: {text}, {id, sha256} or {file, url}; it outlives a change of tabs.
const sought = createStore(null);

async function bodyOf(wanted) {
  if (wanted.text) return { text: wanted.text };
  if (wanted.id) return { id: wanted.id };
  return { image: { base64: await base64Of(wanted.file) } };
}

function useFound(wanted, changes) {
  const [state, setState] = useState({ items: null, next: null, error: null, busy: false });
  const latest = useRef(null);
  const read = async (cursor) => {
    latest.current?.abort();
    latest.current = new AbortController();
    setState((before) => ({ ...before, error: null, busy: true }));
    try {
      const body = { ...(await bodyOf(wanted)), limit: PAGE, ...(cursor ? { cursor } : {}) };
      const page = await post("/v1/images/search", body, latest.current.signal);
      setState((before) => ({
        items: cursor ? [...before.items, ...page.items] : page.items,
        next: page.next ?? null,
        error: null,
        busy: false,
      }));
    } catch (error) {
      if (error.name !== "AbortError") setState({ items: null, next: null, error, busy: false });
    }
  };
  useEffect(() => {
    if (wanted) read(null);
    else setState({ items: null, next: null, error: null, busy: false });
    return () => latest.current?.abort();
  }, [wanted, changes]);
  const without = (id) => setState((before) => ({ ...before, items: before.items.filter((one) => one.id !== id) }));
  return { ...state, without, more: () => read(state.next).catch(toastProblem) };
}

export function Finder() {
  const wanted = useStore(sought);
  const changes = useStore(collectionChanges);
  const [text, setText] = useState(wanted?.text ?? "");
  const [open, setOpen] = useState(null);
  const found = useFound(wanted, changes);
  const byFile = ([file]) => sought.set({ file, url: URL.createObjectURL(file), name: file.name });
  const over = useIncoming(byFile);
  const byText = (words) => {
    setText(words);
    sought.set(words.trim() ? { text: words.trim() } : null);
  };
  return html`
    <${DropVeil} shown=${over} />
    <form class="finder" role="search" onSubmit=${(event) => {
      event.preventDefault();
      byText(text);
    }}>
      <label class="find grow">
        <${Icon} name="search" />
        <span class="heard">${t("finder.label")}</span>
        <input class="input" type="search" maxlength="500" placeholder=${t("finder.placeholder")}
          value=${text} onInput=${(event) => setText(event.target.value)} />
      </label>
      <button class="button primary large" disabled=${!text.trim()}>${t("finder.go")}</button>
      <${PickButton} large=${true} multiple=${false} label=${t("finder.picture")} onFiles=${byFile} />
    </form>
    ${wanted && !wanted.text &&
    html`<div class="sought">
      <div class="sought-picture">
        ${wanted.url
          ? html`<${Picture} src=${wanted.url} alt=${wanted.name} />`
          : html`<${StoredPicture} id=${wanted.id} sha256=${wanted.sha256} />`}
      </div>
      <span class="soft">${t("finder.like")}</span>
      <button type="button" class="button quiet small" onClick=${() => sought.set(null)}>${t("clear")}</button>
    </div>`}
    <${ProblemNote} error=${found.error} />
    ${found.busy && !found.items && html`<p class="row faint"><span class="spinner"></span></p>`}
    ${found.items && found.items.length > 0 &&
    html`<h2 class="heard">${t("finder.results", { n: found.items.length })}</h2>
      <ul class="found" aria-busy=${String(found.busy)}>
        ${found.items.map((image) => html`<${Tile} key=${image.id} image=${image} onOpen=${() => setOpen(image)} />`)}
      </ul>`}
    ${found.items && !found.items.length &&
    html`<div class="empty"><${Icon} name="image" /><h2>${t("finder.empty")}</h2><p>${t("finder.empty.hint")}</p></div>`}
    ${!wanted &&
    html`<div class="empty">
      <${Icon} name="search" />
      <h2>${t("finder.start")}</h2>
      <p>${t("finder.start.hint")}</p>
      <p class="row-wrap">
        ${IDEAS.map((name) => html`<button type="button" class="chip" onClick=${() => byText(t(name))}>${t(name)}</button>`)}
      </p>
    </div>`}
    ${found.next && html`<p class="more"><button type="button" class="button" onClick=${found.more}>${t("more")}</button></p>`}
    ${open &&
    html`<${ImageSheet}
      image=${open}
      onClose=${() => setOpen(null)}
      onLike=${() => {
        setOpen(null);
        setText("");
        sought.set({ id: open.id, sha256: open.sha256 });
      }}
      onGone=${() => {
        found.without(open.id);
        setOpen(null);
      }}
    />`}
  `;
}

function Tile({ image, onOpen }) {
  const name = image.source || image.id;
  return html`
    <li>
      <button type="button" class="tile" onClick=${onOpen}>
        <${StoredPicture} id=${image.id} sha256=${image.sha256} alt="" />
        <span class="badge on-picture number">${decimal(image.similarity, 3)}</span>
        <span class="tile-name clip">${name}</span>
        <span class="tile-tags clip">${image.tags.slice(0, 3).map((tag) => tag.name).join(" · ")}</span>
      </button>
    </li>
  `;
}
