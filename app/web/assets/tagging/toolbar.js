// What concerns all photos at once: more of them, how sure a tag must be, taking the answers away.
import { html } from "../html.js";
import { percent, t } from "../i18n.js";
import { copy } from "../parts/copy.js";
import { PickButton } from "../parts/dropzone.js";
import { Icon } from "../parts/icon.js";
import { useStore } from "../store.js";
import { addFiles, clear, cut as cutStore, keep, setCut } from "./cards.js";
import { HIGHEST, LOWEST, shown } from "./cut.js";
import { asCsv, asJson } from "./export.js";

export function Slider() {
  const cut = useStore(cutStore);
  const value = Math.round(100 * cut.target);
  const said = cut.auto ? t("cut.auto") : percent(cut.target);
  const filled = (value - 100 * LOWEST) / (100 * (HIGHEST - LOWEST));
  return html`
    <div class="slider">
      <label class="label" for="target">${t("cut.label")}</label>
      <input
        id="target"
        class="range"
        type="range"
        min=${100 * LOWEST}
        max=${100 * HIGHEST}
        step="1"
        value=${value}
        style=${{ "--filled": percent(filled, 1) }}
        aria-valuetext=${said}
        title=${t("cut.note")}
        onInput=${(event) => setCut({ auto: false, target: Number(event.target.value) / 100 })}
      />
      <output class="number" for="target">${cut.auto ? "" : said}</output>
      <button
        type="button"
        class="chip"
        aria-pressed=${String(cut.auto)}
        onClick=${() => setCut({ ...cut, auto: !cut.auto })}
      >${t("cut.auto")}</button>
    </div>
  `;
}

export function Toolbar({ cards }) {
  const cut = useStore(cutStore);
  const storing = useStore(keep);
  const done = cards.filter((card) => card.state === "done");
  return html`
    <div class="toolbar panel">
      <${PickButton} main=${true} onFiles=${addFiles} />
      <${Slider} />
      <label class="switch" title=${t("keep.note")}>
        <input type="checkbox" role="switch" checked=${storing} onChange=${(e) => keep.set(e.target.checked)} />
        ${t("keep.label")}
      </label>
      <div class="row push">
        <button type="button" class="button small" disabled=${!done.length} onClick=${() => copy(asJson(cards, cut))}>
          <${Icon} name="copy" />JSON
        </button>
        <button type="button" class="button small" disabled=${!done.length} onClick=${() => copy(asCsv(cards, cut))}>
          <${Icon} name="copy" />CSV
        </button>
        <button type="button" class="button quiet small" onClick=${clear}>${t("clear")}</button>
      </div>
    </div>
    <${Summary} cards=${cards} done=${done} cut=${cut} />
  `;
}

function Summary({ cards, done, cut }) {
  const counts = done.map((card) => shown(card.result, cut).length);
  const busy = cards.filter((card) => ["waiting", "working"].includes(card.state)).length;
  const parts = [
    t("sum.photos", { n: cards.length }),
    t("sum.tags", { n: counts.reduce((sum, n) => sum + n, 0) }),
  ];
  const bare = counts.filter((n) => n === 0).length;
  const twice = done.filter((card) => card.result.duplicates?.length).length;
  const failed = cards.filter((card) => card.state === "failed").length;
  if (bare) parts.push(t("sum.bare", { n: bare }));
  if (twice) parts.push(t("sum.duplicates", { n: twice }));
  if (failed) parts.push(t("sum.failed", { n: failed }));
  return html`
    <p class="row faint summary" role="status">
      ${busy > 0 && html`<span class="spinner"></span>`}
      ${busy > 0 ? t("sum.busy", { done: cards.length - busy, all: cards.length }) : parts.join(" · ")}
    </p>
  `;
}
