// One tag against the background: where its threshold lies, and what moving it would do.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { count, decimal, percent, t } from "../i18n.js";
import { backgroundOf, rateAt } from "../parts/background.js";
import { ProblemNote } from "../parts/problem.js";
import { TagPicker } from "../parts/tagpicker.js";
import { toast } from "../parts/toast.js";
import { saveTag } from "../vocabulary/edits.js";
import { createStore, useStore } from "../store.js";
import { Histogram } from "./charts.js";

const STEPS = 400;

// The tag looked at; it outlives a change of tabs.
export const looked = createStore(null);

export function Threshold() {
  const tag = useStore(looked);
  const pick = async (found, name) => {
    if (!found) toast(t("feedback.unknown", { tag: name }));
    else looked.set(found);
    return Boolean(found);
  };
  return html`
    <section class="panel pad stack">
      <p class="soft">${t("threshold.how")}</p>
      <div class="threshold-pick">
        <${TagPicker} label=${t("threshold.tag")} placeholder=${t("threshold.tag")} action=${t("threshold.look")} onTag=${pick} />
      </div>
      ${tag
        ? html`<${OneTag} key=${tag.id} tag=${tag} />`
        : html`<p class="faint">${t("threshold.none")}</p>`}
    </section>
  `;
}

function OneTag({ tag }) {
  const [seen, setSeen] = useState(null);
  const [at, setAt] = useState(0);
  const [error, setError] = useState(null);
  const path = `/v1/vocabulary/tags/${encodeURIComponent(tag.id)}`;
  const look = () =>
    backgroundOf(tag.id).then((found) => {
      setSeen(found);
      setAt(Math.min(found.threshold, found.highest));
    }, setError);
  useEffect(() => {
    look();
  }, [tag.id]);
  const save = async (threshold) => {
    setError(null);
    try {
      const saved = await saveTag(await get(path), { threshold, target: "" });
      looked.set(saved);
      toast(t("edit.saved", { tag: saved.name }));
      await look();
    } catch (failed) {
      setError(failed);
    }
  };
  return html`
    <h2>${tag.name}</h2>
    <${ProblemNote} error=${error} />
    ${!seen && !error && html`<span class="spinner"></span>`}
    ${seen && !seen.background_images && html`<p class="notice">${t("threshold.empty")}</p>`}
    ${seen && seen.background_images > 0 && html`<${Chart} seen=${seen} at=${at} onMove=${setAt} />`}
    ${seen && seen.background_images > 0 &&
    html`
      <dl class="facts wide">
        <div><dt>${t("threshold.here")}</dt><dd class="number big">${decimal(at)}</dd></div>
        <div>
          <dt>${t("threshold.rate", { n: count(seen.background_images) })}</dt>
          <dd class="number big">≈ ${percent(rateAt(seen, at), 2)}</dd>
        </div>
        <div><dt>${t("threshold.calibrated")}</dt><dd class="number">${decimal(seen.calibrated)}</dd></div>
        <div><dt>${t("threshold.now")}</dt><dd class="number">${seen.state === "uncertain" ? "—" : decimal(seen.threshold)} · ${percent(seen.background_rate, 2)}</dd></div>
      </dl>
      <div class="row-wrap">
        <button type="button" class="button primary" disabled=${Math.abs(at - seen.threshold) < 1e-6} onClick=${() => save(Number(at.toFixed(4)))}>
          ${t("threshold.save")}
        </button>
        <button type="button" class="button" disabled=${tag.threshold === null && !tag.target} onClick=${() => save(null)}>
          ${t("threshold.auto")}
        </button>
        ${tag.threshold !== null && html`<span class="badge warn">${t("threshold.manual")}</span>`}
        ${tag.target && html`<span class="badge warn">${tag.target}</span>`}
      </div>
    `}
  `;
}

function Chart({ seen, at, onMove }) {
  const step = (seen.highest - seen.lowest) / STEPS;
  return html`
    <div class="histogram-frame">
      <${Histogram} seen=${seen} at=${at} onMove=${onMove} />
      <input
        type="range"
        class="range"
        aria-label=${t("threshold.move")}
        aria-valuetext=${`${decimal(at)}, ${percent(rateAt(seen, at), 2)}`}
        min="0"
        max=${STEPS}
        value=${Math.round((at - seen.lowest) / step)}
        onInput=${(event) => onMove(seen.lowest + Number(event.target.value) * step)}
      />
      <div class="row faint number"><span>${decimal(seen.lowest, 2)}</span><span class="push">${decimal(seen.highest, 2)}</span></div>
    </div>
  `;
}
