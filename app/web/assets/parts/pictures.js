// Pictures of stored images: the reader's own file where this visit has seen it, else the small
// grey one the service keeps.
import { accessKey, raw } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

const own = new Map(); // SHA-256 to blob URL

export const rememberPicture = (sha256, url) => own.set(sha256, url);
export const ownPicture = (sha256) => own.get(sha256);

export const thumbnailPath = (id) => `/v1/images/${encodeURIComponent(id)}/thumbnail`;

// An <img> cannot carry a key, so with one the bytes are fetched by hand.
function useThumbnail(id, sha256) {
  const direct = ownPicture(sha256 || id) || (accessKey() ? null : thumbnailPath(id));
  const [fetched, setFetched] = useState(null);
  useEffect(() => {
    if (direct) return undefined;
    let url = null;
    let gone = false;
    raw("GET", thumbnailPath(id))
      .then((response) => response.blob())
      .then((blob) => {
        url = URL.createObjectURL(blob);
        if (gone) URL.revokeObjectURL(url);
        else setFetched(url);
      })
      .catch(() => {});
    return () => {
      gone = true;
      if (url) URL.revokeObjectURL(url);
    };
  }, [id, direct]);
  return direct || fetched;
}

export function Picture({ src, alt = "", fit = "cover" }) {
  const [broken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [src]);
  if (!src || broken) {
    return html`<div class="picture none" role="img" aria-label=${alt || t("picture.none")}>
      <${Icon} name="image" />
    </div>`;
  }
  return html`<div class="picture">
    <img
      class=${fit}
      src=${src}
      alt=${alt}
      loading="lazy"
      decoding="async"
      onError=${() => setBroken(true)}
    />
  </div>`;
}

export function StoredPicture({ id, sha256, alt, fit }) {
  return html`<${Picture} src=${useThumbnail(id, sha256)} alt=${alt ?? id} fit=${fit} />`;
}

export const isGrey = (id, sha256) => !ownPicture(sha256 || id);
