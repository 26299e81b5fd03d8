// One photo and what became of it.
import { html, useState } from "../html.js";
import { size, t } from "../i18n.js";
import { copy } from "../parts/copy.js";
import { Icon } from "../parts/icon.js";
import { Picture } from "../parts/pictures.js";
import { sayProblem } from "../parts/problem.js";
import { TagPicker } from "../parts/tagpicker.js";
import { toast } from "../parts/toast.js";
import { again, change, drop } from "./cards.js";
import { misses, shown } from "./cut.js";
import { DuplicateSheet, toneOf } from "./duplicate.js";
import { asCsv, asJson } from "./export.js";
import { judge } from "./feedback.js";
import { MissRow, TagRow } from "./row.js";

export function Card({ card, cut }) {
  const [comparing, setComparing] = useState(false);
  const { result } = card;
  const first = result?.duplicates?.[0];
  return html`
    <li class="card panel" aria-busy=${String(["waiting", "working"].includes(card.state))}>
      <div class="card-picture">
        <${Picture} src=${card.url} alt=${card.name} />
        <div class="card-badges">
          ${first &&
          html`<button
            type="button"
            class=${`badge on-picture ${toneOf(first.tier)}`}
            onClick=${() => setComparing(true)}
          ><${Icon} name="pair" />${t(`tier.${first.tier}`)}</button>`}
          ${result?.state && html`<span class="badge on-picture good">${t(`stored.${result.state}`)}</span>`}
        </div>
        <button
          type="button"
          class="icon-button on-picture card-drop"
          aria-label=${t("card.drop", { name: card.name })}
          onClick=${() => drop(card.key)}
        ><${Icon} name="close" /></button>
      </div>
      <div class="card-body">
        <div class="card-head">
          <h2 class="clip grow" title=${card.name}>${card.name}</h2>
          <span class="faint number">${result ? `${result.width} × ${result.height}` : size(card.file.size)}</span>
        </div>
        <${Body} card=${card} cut=${cut} />
      </div>
      ${comparing && html`<${DuplicateSheet} card=${card} onClose=${() => setComparing(false)} />`}
    </li>
  `;
}

function Body({ card, cut }) {
  if (card.state === "failed") return html`<${Failed} card=${card} />`;
  if (card.state !== "done") return html`<${Waiting} card=${card} />`;
  const tags = shown(card.result, cut);
  return html`
    ${tags.length > 0
      ? html`<ul class="tags-list">
          ${tags.map((tag) => html`<${TagRow} key=${tag.id} card=${card} tag=${tag} />`)}
        </ul>`
      : html`<p class="soft">${t("miss.none")}</p>
          <p class="faint">${t("miss.nearest")}</p>
          <ul class="tags-list">
            ${misses(card.result, cut).map((tag) => html`<${MissRow} key=${tag.id} tag=${tag} cut=${cut} />`)}
          </ul>`}
    ${card.missing.length > 0 &&
    html`<p class="row-wrap">${card.missing.map((name) => html`<span class="badge accent">+ ${name}</span>`)}</p>`}
    <${Actions} card=${card} cut=${cut} />
  `;
}

function Actions({ card, cut }) {
  const [adding, setAdding] = useState(false);
  const missing = async (tag, name) => {
    if (!tag) {
      toast(t("feedback.unknown", { tag: name }));
      return false;
    }
    const took = await judge(card, tag, "missing");
    if (took) change(card.key, { missing: [...card.missing, tag.name] });
    return took;
  };
  return html`
    <div class="card-actions">
      <button type="button" class="button quiet small" aria-expanded=${String(adding)} onClick=${() => setAdding(!adding)}>
        <${Icon} name="plus" />${t("card.missing")}
      </button>
      <span class="push"></span>
      ${!card.result.state &&
      html`<button type="button" class="button quiet small" onClick=${() => again(card.key, { store: true })}>
        <${Icon} name="store" />${t("card.store")}
      </button>`}
      <button type="button" class="button quiet small" onClick=${() => copy(asJson([card], cut))}>
        <${Icon} name="copy" />JSON<span class="heard"> ${card.name}</span>
      </button>
      <button type="button" class="button quiet small" onClick=${() => copy(asCsv([card], cut))}>
        CSV<span class="heard"> ${card.name}</span>
      </button>
    </div>
    ${adding &&
    html`<${TagPicker}
      label=${t("card.missing.label")}
      placeholder=${t("card.missing.placeholder")}
      action=${t("add")}
      onTag=${missing}
    />`}
  `;
}

function Waiting({ card }) {
  return html`
    <p class="row faint"><span class="spinner"></span>${t(card.state === "waiting" ? "card.waiting" : "card.working")}</p>
    <div class="ghosts" aria-hidden="true"><i></i><i></i><i></i></div>
  `;
}

function Failed({ card }) {
  const { error } = card;
  return html`
    <div class="notice bad">
      <div class="grow"><strong>${error.title || sayProblem(error)}</strong>
        ${error.title && error.detail && html`<div>${error.detail}</div>`}
        ${error.remedy && html`<div>${error.remedy}</div>`}
      </div>
    </div>
    <div class="card-actions">
      <button type="button" class="button small" onClick=${() => again(card.key)}>
        <${Icon} name="undo" />${t("card.again")}
      </button>
    </div>
  `;
}
