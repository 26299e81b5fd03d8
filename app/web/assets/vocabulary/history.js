// Every edit, what it changed, and the way back to before it.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { count, t, when } from "../i18n.js";
import { Confirm } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { ProblemNote } from "../parts/problem.js";
import { toast } from "../parts/toast.js";
import { Changes } from "./diff.js";
import { rollBack } from "./edits.js";
import { lookAgain } from "./overview.js";

const PAGE = 30;

export function History() {
  const [items, setItems] = useState([]);
  const [next, setNext] = useState(null);
  const [error, setError] = useState(null);
  const [back, setBack] = useState(null);
  const read = (before) =>
    get("/v1/vocabulary/revisions", { before, limit: PAGE }).then((page) => {
      setItems((known) => (before ? [...known, ...page.items] : page.items));
      setNext(page.next);
    }, setError);
  useEffect(() => {
    read();
  }, []);
  const head = items[0]?.revision;
  return html`
    <${ProblemNote} error=${error} />
    <ol class="items panel" hidden=${!items.length}>
      ${items.map(
        (one) => html`<${Revision} key=${one.revision} one=${one} head=${head} onBack=${() => setBack(one.revision)} />`,
      )}
    </ol>
    ${next && html`<p class="more"><button type="button" class="button" onClick=${() => read(next)}>${t("more")}</button></p>`}
    ${back !== null &&
    html`<${Back}
      revision=${back}
      head=${head}
      onClose=${() => setBack(null)}
      onDone=${() => {
        setBack(null);
        read();
        lookAgain();
      }}
    />`}
  `;
}

function useDiff(older, newer, wanted) {
  const [diff, setDiff] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    if (wanted && !diff) get("/v1/vocabulary/diff", { older, newer }).then(setDiff, setError);
  }, [wanted, older, newer]);
  return [diff, error];
}

function Revision({ one, head, onBack }) {
  const [open, setOpen] = useState(false);
  const [diff, error] = useDiff(one.revision - 1, one.revision, open);
  const id = `revision-${one.revision}`;
  return html`
    <li class=${open ? "item open" : "item"}>
      <div class="revision">
        <button type="button" class="item-line" aria-expanded=${String(open)} aria-controls=${id} onClick=${() => setOpen(!open)}>
          <${Icon} name=${open ? "down" : "right"} />
          <span class="revision-number number">${one.revision}</span>
          <span class="grow clip">${one.reason || t("history.tags", { n: count(one.changed_tags) })}</span>
          <span class="item-parents clip">${one.author}</span>
          <span class="revision-time faint number">${when(one.created_at)}</span>
          <span class="revision-count faint number">${t("history.tags", { n: count(one.changed_tags) })}</span>
        </button>
        ${one.revision === head
          ? html`<span class="badge accent">${t("history.now")}</span>`
          : html`<button type="button" class="button small" onClick=${onBack}>
              <${Icon} name="undo" />${t("history.back")}<span class="heard"> ${one.revision}</span>
            </button>`}
      </div>
      <div id=${id} class="item-body" hidden=${!open}>
        ${open && !diff && !error && html`<span class="spinner"></span>`}
        <${ProblemNote} error=${error} />
        ${diff && html`<${Changes} changes=${diff.changes} />`}
      </div>
    </li>
  `;
}

function Back({ revision, head, onClose, onDone }) {
  const [diff, failed] = useDiff(head, revision, true);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    try {
      await rollBack(revision, head);
      toast(t("history.done", { n: revision }));
      onDone();
    } catch (stopped) {
      setError(stopped);
      setBusy(false);
    }
  };
  return html`
    <${Confirm} title=${t("history.ask", { n: revision })} action=${t("history.back")} busy=${busy || !diff} onYes=${go} onNo=${onClose}>
      <div class="stack">
        <p class="soft">${t("history.what")}</p>
        <${ProblemNote} error=${error ?? failed} />
        ${diff ? html`<${Changes} changes=${diff.changes} />` : html`<span class="spinner"></span>`}
        ${diff && !diff.changes.length && html`<p>${t("import.same")}</p>`}
      </div>
    <//>
  `;
}
