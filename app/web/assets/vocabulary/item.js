// One tag in the list; open, it is its own form.
import { html } from "../html.js";
import { decimal, t } from "../i18n.js";
import { hueStyle } from "../parts/hue.js";
import { Icon } from "../parts/icon.js";
import { Editor } from "./editor.js";

export function Item({ tag, open, onToggle, onSaved, onGone, onRestored }) {
  const id = `tag-${tag.id}`;
  return html`
    <li class=${open ? "item open" : "item"}>
      <button type="button" class="item-line" aria-expanded=${String(open)} aria-controls=${id} onClick=${onToggle}>
        <span class="dot" style=${hueStyle(tag.category)}></span>
        <span class="item-name clip">${tag.name}</span>
        <span class="item-more clip">${tag.aliases.join("、")}</span>
        <span class="item-parents clip">${tag.parents.map((one) => one.name).join(" · ")}</span>
        <span class="item-category clip">${tag.category}</span>
        <span class="item-marks">
          ${tag.state === "paused" && html`<span class="badge warn">${t("state.paused")}</span>`}
          ${tag.threshold !== null && html`<span class="badge number">≥ ${decimal(tag.threshold, 2)}</span>`}
          ${tag.target && html`<span class="badge number">${tag.target}</span>`}
          ${tag.examples.length > 0 && html`<span class="badge accent">${t("item.examples", { n: tag.examples.length })}</span>`}
        </span>
        <${Icon} name=${open ? "down" : "right"} />
      </button>
      <div id=${id} class="item-body" hidden=${!open}>
        ${open &&
        html`<${Editor} tag=${tag} onSaved=${onSaved} onGone=${onGone} onRestored=${onRestored} onClose=${onToggle} />`}
      </div>
    </li>
  `;
}
