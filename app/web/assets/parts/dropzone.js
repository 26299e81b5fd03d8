// Files by dropping them anywhere on the page, by pasting, or from the picker.
import { html, useEffect, useRef, useState } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

const ACCEPTED = "image/*,.heic,.heif,.avif";

const filesOf = (transfer) => [...(transfer?.files ?? [])];

// Calls `onFiles` for what is dropped or pasted while the component is on the page; says whether
// something is being dragged over it.
export function useIncoming(onFiles) {
  const [over, setOver] = useState(false);
  const latest = useRef(onFiles);
  latest.current = onFiles;
  useEffect(() => {
    const take = (event, files) => {
      if (!files.length) return;
      event.preventDefault();
      latest.current(files);
    };
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    const handlers = {
      dragover(event) {
        if (!carries(event)) return;
        event.preventDefault();
        setOver(true);
      },
      dragleave(event) {
        if (!event.relatedTarget) setOver(false);
      },
      drop(event) {
        setOver(false);
        take(event, filesOf(event.dataTransfer));
      },
      paste: (event) => take(event, filesOf(event.clipboardData)),
    };
    for (const [name, handler] of Object.entries(handlers)) addEventListener(name, handler);
    return () => {
      for (const [name, handler] of Object.entries(handlers)) removeEventListener(name, handler);
    };
  }, []);
  return over;
}

export function PickButton({ onFiles, main = false, large = false, multiple = true, label }) {
  const input = useRef();
  const classes = ["button", main && "primary", large && "large"].filter(Boolean).join(" ");
  const chosen = (event) => {
    const files = [...event.target.files];
    event.target.value = ""; // the same file may be picked again
    if (files.length) onFiles(files);
  };
  return html`
    <button type="button" class=${classes} onClick=${() => input.current.click()}>
      <${Icon} name="upload" />${label ?? t("pick")}
    </button>
    <input
      ref=${input}
      type="file"
      hidden
      accept=${ACCEPTED}
      multiple=${multiple}
      onChange=${chosen}
    />
  `;
}

export function DropVeil({ shown }) {
  if (!shown) return null;
  return html`<div class="drop-veil"><div><${Icon} name="upload" />${t("drop.now")}</div></div>`;
}
