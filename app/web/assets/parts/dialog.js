// A sheet over the page: the browser's own dialog, which keeps the focus and hears Escape.
import { html, useEffect, useRef } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

export function Sheet({ title, onClose, wide = false, foot = null, children }) {
  const dialog = useRef();
  useEffect(() => {
    const before = document.activeElement;
    const shown = dialog.current;
    shown.showModal();
    return () => {
      shown.close(); // while it is open, nothing outside of it can have the focus
      before?.focus?.();
    };
  }, []);
  const outside = (event) => event.target === dialog.current && onClose();
  return html`
    <dialog
      class=${wide ? "sheet wide" : "sheet"}
      ref=${dialog}
      aria-label=${title}
      onClick=${outside}
      onCancel=${(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div class="sheet-head">
        <h2 class="grow clip">${title}</h2>
        <button type="button" class="icon-button" aria-label=${t("close")} onClick=${onClose}>
          <${Icon} name="close" />
        </button>
      </div>
      <div class="sheet-body" tabindex="0">${children}</div>
      ${foot && html`<div class="sheet-foot">${foot}</div>`}
    </dialog>
  `;
}

// Asks before something is done that cannot be undone by one click.
export function Confirm({ title, action, danger = false, busy = false, onYes, onNo, children }) {
  const foot = html`
    <button type="button" class="button" onClick=${onNo}>${t("cancel")}</button>
    <button
      type="button"
      class=${danger ? "button danger" : "button primary"}
      disabled=${busy}
      onClick=${onYes}
    >${action}</button>
  `;
  return html`<${Sheet} title=${title} onClose=${onNo} foot=${foot}>${children}<//>`;
}
