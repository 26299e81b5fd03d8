// Pictures that say what a tag means: shown, added, taken away; each is an edit of its own.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { t } from "../i18n.js";
import { PickButton } from "../parts/dropzone.js";
import { Icon } from "../parts/icon.js";
import { ownPicture, Picture, rememberPicture, StoredPicture } from "../parts/pictures.js";
import { ProblemNote } from "../parts/problem.js";
import { toast } from "../parts/toast.js";
import { addExamples, removeExample } from "./edits.js";

// The stored images that show the same files, by the examples' ids; null until it is known.
function useStored(tag) {
  const [stored, setStored] = useState(null);
  useEffect(() => {
    setStored(null);
    if (!tag.examples.length) return;
    get(`/v1/vocabulary/tags/${encodeURIComponent(tag.id)}/examples`).then(
      ({ items }) => setStored(new Map(items.map((one) => [one.id, one.image_id]))),
      () => {},
    );
  }, [tag.id, tag.examples.join()]);
  return stored;
}

export function Examples({ tag, onSaved }) {
  const stored = useStored(tag);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const attempt = async (work) => {
    setBusy(true);
    setError(null);
    try {
      onSaved(await work());
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };
  const add = (files) =>
    attempt(async () => {
      const saved = await addExamples(tag, files);
      const fresh = saved.examples.filter((id) => !tag.examples.includes(id));
      // They come back in the order they were sent, unless one was there already.
      if (fresh.length === files.length) {
        fresh.forEach((id, i) => rememberPicture(id, URL.createObjectURL(files[i])));
      }
      toast(t("examples.added", { tag: tag.name }));
      return saved;
    });
  return html`
    <section class="examples" aria-label=${t("examples.title")}>
      <h3>${t("examples.title")}</h3>
      <p class="faint">${t("examples.how")}</p>
      <${ProblemNote} error=${error} />
      <ul class="examples-list">
        ${tag.examples.map(
          (id) => html`<li key=${id}>
            ${stored?.get(id)
              ? html`<${StoredPicture} id=${stored.get(id)} sha256=${id} alt=${id.slice(0, 12)} />`
              : html`<${Picture} src=${ownPicture(id)} alt=${id.slice(0, 12)} />`}
            <button type="button" class="icon-button on-picture" aria-label=${t("examples.remove")} onClick=${() => attempt(() => removeExample(tag, id))}>
              <${Icon} name="close" />
            </button>
          </li>`,
        )}
      </ul>
      ${busy ? html`<span class="spinner"></span>` : html`<${PickButton} label=${t("examples.add")} onFiles=${add} />`}
    </section>
  `;
}
