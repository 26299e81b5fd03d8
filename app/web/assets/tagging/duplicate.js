// The photo and the stored one it repeats, side by side, with the evidence.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { decimal, t, when } from "../i18n.js";
import { Sheet } from "../parts/dialog.js";
import { isGrey, Picture, StoredPicture } from "../parts/pictures.js";
import { ProblemNote } from "../parts/problem.js";

export const toneOf = (tier) => ({ exact: "bad", near: "warn" })[tier] ?? "";

export function DuplicateSheet({ card, onClose }) {
  const found = card.result.duplicates;
  const [at, setAt] = useState(0);
  const [image, setImage] = useState(null);
  const [error, setError] = useState(null);
  const one = found[at];
  useEffect(() => {
    setImage(null);
    setError(null);
    get(`/v1/images/${encodeURIComponent(one.id)}`).then(setImage, setError);
  }, [one.id]);
  const facts = [
    [t("duplicate.tier"), t(`tier.${one.tier}`)],
    [t("why.similarity"), decimal(one.similarity, 4)],
    [t("duplicate.bits"), one.hash_bits ?? "—"],
    [t("duplicate.inliers"), one.inliers ?? "—"],
  ];
  return html`
    <${Sheet} title=${t("duplicate.title")} wide=${true} onClose=${onClose}>
      <div class="stack">
        ${found.length > 1 &&
        html`<div class="row-wrap">
          ${found.map(
            (other, i) => html`<button
              type="button"
              class="chip"
              aria-pressed=${String(i === at)}
              onClick=${() => setAt(i)}
            >${t(`tier.${other.tier}`)} ${decimal(other.similarity, 2)}</button>`,
          )}
        </div>`}
        <div class="side-by-side">
          <figure>
            <${Picture} src=${card.url} alt=${card.name} fit="contain" />
            <figcaption class="clip">${t("duplicate.this")} · ${card.name}</figcaption>
          </figure>
          <figure>
            ${image && html`<${StoredPicture} id=${one.id} sha256=${image.sha256} fit="contain" />`}
            ${!image && !error && html`<div class="picture none"><span class="spinner"></span></div>`}
            <figcaption class="clip">
              ${t("duplicate.stored")}${image && html` · ${image.source || one.id} · ${when(image.created_at)}`}
            </figcaption>
          </figure>
        </div>
        <${ProblemNote} error=${error} />
        <dl class="facts wide">
          ${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd class="number">${value}</dd></div>`)}
        </dl>
        <p class="faint">
          ${t(`tier.${one.tier}.note`)} ${image && isGrey(one.id, image.sha256) && t("picture.grey")}
        </p>
      </div>
    <//>
  `;
}
