// What a tag would do, asked again whenever the reader stops typing.
import { post } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { count, decimal, percent, t } from "../i18n.js";
import { StoredPicture } from "../parts/pictures.js";
import { ProblemNote, sayProblem } from "../parts/problem.js";

const PAUSE_MS = 350;
const MOST_IMAGES = 8;
const OFTEN = 0.05; // of ordinary pictures; the lint asks the same of a tag
// What decides the preview; an edit of the notes need not ask again.
const ASKED = ["name", "category", "aliases", "description", "prompt_templates", "negative_prompts", "threshold", "target"];

function usePreview(tag) {
  const [state, setState] = useState({ seen: null, error: null, busy: false });
  const asked = Object.fromEntries(ASKED.map((name) => [name, tag[name]]));
  const key = JSON.stringify(asked);
  useEffect(() => {
    if (!asked.name) {
      setState({ seen: null, error: null, busy: false });
      return undefined;
    }
    const stop = new AbortController();
    setState((before) => ({ ...before, busy: true }));
    const timer = setTimeout(() => {
      post("/v1/vocabulary/preview", asked, stop.signal).then(
        (seen) => setState({ seen, error: null, busy: false }),
        (error) => error.name !== "AbortError" && setState({ seen: null, error, busy: false }),
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [key]);
  return state;
}

export function Preview({ tag, known }) {
  const { seen, error, busy } = usePreview(tag);
  return html`
    <aside class="preview" aria-label=${t("preview.title")} aria-busy=${String(busy)}>
      <h3 class="row">${t("preview.title")} ${busy && html`<span class="spinner"></span>`}</h3>
      ${!seen && !error && html`<p class="faint">${t("preview.wait")}</p>`}
      <${ProblemNote} error=${error} />
      ${seen && html`<${Seen} seen=${seen} known=${known} />`}
    </aside>
  `;
}

function Seen({ seen, known }) {
  const { background_rate: rate } = seen;
  const near = seen.nearest.filter((one) => one.id !== known?.id);
  return html`
    <dl class="facts two">
      <div><dt>${t("preview.threshold")}</dt><dd class="number big">${seen.state === "uncertain" ? "—" : decimal(seen.threshold)}</dd></div>
      <div>
        <dt>${t("preview.rate", { n: count(seen.background_images) })}</dt>
        <dd class=${rate > OFTEN ? "number big warned" : "number big"}>${percent(rate, 2)}</dd>
      </div>
    </dl>
    ${seen.state === "uncertain" && html`<p class="notice warn">${t("preview.uncertain")}</p>`}
    ${seen.problem && !known &&
    html`<div class="notice warn"><div><strong>${sayProblem(seen.problem)}</strong>${seen.problem.remedy}</div></div>`}
    ${seen.findings.map(
      (found) => html`<div class="notice warn"><div><strong>${found.message}</strong>${found.remedy}</div></div>`,
    )}
    <div>
      <h4 class="label">${t("preview.nearest")}</h4>
      <p class="row-wrap">
        ${near.map(
          (one) => html`<span class="chip">${one.name} <span class="number faint">${decimal(one.similarity, 2)}</span></span>`,
        )}
      </p>
    </div>
    <div>
      <h4 class="label">${t("preview.images")}</h4>
      ${seen.images.length === 0
        ? html`<p class="faint">${t("preview.images.none")}</p>`
        : html`<ul class="preview-images">
            ${seen.images.slice(0, MOST_IMAGES).map(
              (one) => html`<li class=${one.similarity >= seen.threshold ? "hit" : "missed"}>
                <${StoredPicture} id=${one.id} alt=${one.id} />
                <span class="number">${decimal(one.similarity, 2)}</span>
              </li>`,
            )}
          </ul>`}
    </div>
  `;
}
