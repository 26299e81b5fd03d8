// One stored image: what is known of it, its likes, and the way out.
import { html, useState } from "../html.js";
import { remove } from "../api.js";
import { percent, size, t, when } from "../i18n.js";
import { Confirm, Sheet } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { isGrey, StoredPicture } from "../parts/pictures.js";
import { ProblemNote } from "../parts/problem.js";
import { toast } from "../parts/toast.js";

export const imagePath = (id) => `/v1/images/${encodeURIComponent(id)}`;

export function ImageSheet({ image, onClose, onLike, onGone }) {
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState(null);
  const erase = async () => {
    try {
      await remove(imagePath(image.id));
      toast(t("image.deleted"));
      onGone();
    } catch (failed) {
      setAsking(false);
      setError(failed);
    }
  };
  const foot = html`
    <button type="button" class="button quiet danger" onClick=${() => setAsking(true)}>
      <${Icon} name="trash" />${t("delete")}
    </button>
    <span class="push"></span>
    <button type="button" class="button primary" onClick=${onLike}>${t("image.like")}</button>
  `;
  const facts = [
    [t("image.id"), image.id],
    [t("image.size"), `${image.width} × ${image.height} · ${size(image.bytes)} · ${image.format}`],
    [t("image.time"), when(image.created_at)],
  ];
  return html`
    <${Sheet} title=${image.source || t("image.title")} wide=${true} foot=${foot} onClose=${onClose}>
      <div class="image-sheet">
        <figure>
          <${StoredPicture} id=${image.id} sha256=${image.sha256} fit="contain" />
          ${isGrey(image.id, image.sha256) && html`<figcaption class="faint">${t("picture.grey")}</figcaption>`}
        </figure>
        <div class="stack">
          <${ProblemNote} error=${error} />
          <div>
            <h3>${t("image.tags")}</h3>
            ${image.tags.length
              ? html`<p class="row-wrap image-tags">
                  ${image.tags.map(
                    (tag) => html`<span class="chip">${tag.name} <span class="number faint">${percent(tag.confidence)}</span></span>`,
                  )}
                </p>`
              : html`<p class="faint">${t("image.tags.none")}</p>`}
            ${image.tags_revision !== null && html`<p class="faint">${t("image.revision", { n: image.tags_revision })}</p>`}
          </div>
          <dl class="facts one">
            ${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
            ${Object.entries(image.metadata).map(
              ([name, value]) => html`<div><dt>${name}</dt><dd>${JSON.stringify(value)}</dd></div>`,
            )}
          </dl>
        </div>
      </div>
      ${asking &&
      html`<${Confirm} title=${t("image.delete.ask")} action=${t("delete")} danger=${true} onYes=${erase} onNo=${() => setAsking(false)}>
        <p class="soft">${t("image.delete.what")}</p>
      <//>`}
    <//>
  `;
}
