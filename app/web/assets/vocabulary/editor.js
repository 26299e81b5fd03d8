// The form of one tag, new or known, with what it would do beside it.
import { html, useState } from "../html.js";
import { t } from "../i18n.js";
import { Confirm } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { ProblemNote } from "../parts/problem.js";
import { toast } from "../parts/toast.js";
import { changes, EMPTY, fromForm, toForm } from "./draft.js";
import { createTag, deleteTag, saveTag, undo } from "./edits.js";
import { Examples } from "./examples.js";
import { Fields } from "./fields.js";
import { Preview } from "./preview.js";

export function Editor({ tag = null, name = "", onSaved, onGone, onRestored, onClose }) {
  const [base, setBase] = useState(tag);
  const [form, setForm] = useState(toForm(tag ?? { ...EMPTY, name }));
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const changed = base ? changes(base, form) : fromForm(form);
  const nothing = base ? Object.keys(changed).length === 0 : !form.name.trim();

  const attempt = async (work) => {
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };
  const take = (current) => {
    setBase(current);
    setForm(toForm(current));
    setError(null);
  };
  const save = (event) => {
    event?.preventDefault();
    return attempt(async () => {
      const saved = base ? await saveTag(base, changed) : await createTag(changed);
      toast(t(base ? "edit.saved" : "edit.created", { tag: saved.name }));
      if (base) take(saved);
      onSaved(saved);
    });
  };
  const erase = () =>
    attempt(async () => {
      const revision = await deleteTag(base);
      setAsking(false);
      onGone(base.id);
      toast(t("edit.deleted", { tag: base.name }), {
        label: t("undo"),
        run: () => undo(revision).then(onRestored, setError),
      });
    });
  // Examples are saved by themselves; what is half typed in the form stays.
  const exampled = (saved) => {
    setBase(saved);
    onSaved(saved);
  };
  return html`
    <div class="editor">
      <div class="stack">
        <form class="editor-form" onSubmit=${save}>
          <${Fields} form=${form} onChange=${setForm} fault=${error?.body?.field} />
          <${ProblemNote} error=${error}>
            ${error?.status === 412 && error.body.current &&
            html`<div class="row-wrap conflict">
              <button type="button" class="button small" onClick=${() => {
                take(error.body.current);
                onSaved(error.body.current);
              }}>${t("edit.theirs")}</button>
              <button type="button" class="button small" onClick=${() => {
                setBase(error.body.current);
                setError(null);
              }}>${t("edit.mine")}</button>
            </div>`}
          <//>
          <div class="row-wrap">
            <button class="button primary" disabled=${busy || nothing}>${t(base ? "save" : "add")}</button>
            <button type="button" class="button quiet" onClick=${onClose}>${t("cancel")}</button>
            ${base &&
            html`<button type="button" class="button quiet danger push" onClick=${() => setAsking(true)}>
              <${Icon} name="trash" />${t("delete")}
            </button>`}
          </div>
        </form>
        ${base && html`<${Examples} tag=${base} onSaved=${exampled} />`}
      </div>
      <${Preview} tag=${fromForm(form)} known=${base} />
      ${asking &&
      html`<${Confirm}
        title=${t("edit.delete.ask", { tag: base.name })}
        action=${t("delete")}
        danger=${true}
        busy=${busy}
        onYes=${erase}
        onNo=${() => setAsking(false)}
      ><p class="soft">${t("edit.delete.what")}</p><//>`}
    </div>
  `;
}
