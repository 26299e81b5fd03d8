// The report: how the tags do as the service runs, and a labelled evaluation where there is one.
import { get } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "../parts/icon.js";
import { ProblemNote } from "../parts/problem.js";
import { toast } from "../parts/toast.js";
import { createStore, useStore } from "../store.js";
import { Evaluation } from "./evaluation.js";
import { Absent } from "./jobs.js";
import { Running } from "./running.js";

// The evaluation that was opened; it outlives a change of tabs.
const evaluation = createStore(null);

export function QualityReport() {
  const opened = useStore(evaluation);
  return html`
    <${Live} />
    <${Opener} opened=${opened} />
    ${opened && html`<${Evaluation} report=${opened} />`}
  `;
}

function Live() {
  const [quality, setQuality] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    get("/v1/quality").then(setQuality, setError);
  }, []);
  if (error?.missing) return html`<${Absent} />`;
  if (error) return html`<${ProblemNote} error=${error} />`;
  if (!quality) return html`<p class="row faint"><span class="spinner"></span>${t("report.busy")}</p>`;
  return html`<${Running} quality=${quality} />`;
}

// `tuqian evaluate` writes report.json beside its page; it is read here and sent nowhere.
function Opener({ opened }) {
  const input = useRef();
  const read = async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    try {
      const report = JSON.parse(await file.text());
      if (!Array.isArray(report.tags) || !report.mean_ap) throw new Error("no report");
      evaluation.set(report);
    } catch {
      toast(t("opener.bad", { file: file.name }));
    }
  };
  return html`
    <section class="panel pad row-wrap opener">
      <div class="grow">
        <h2>${t("opener.title")}</h2>
        <p class="faint">${t("opener.how")} <code>tuqian evaluate DATASET --report out/</code></p>
      </div>
      ${opened && html`<button type="button" class="button quiet" onClick=${() => evaluation.set(null)}>${t("opener.close")}</button>`}
      <button type="button" class="button" onClick=${() => input.current.click()}>
        <${Icon} name="upload" />${t("opener.pick")}
      </button>
      <input ref=${input} type="file" hidden accept=".json" aria-label=${t("opener.pick")} onChange=${read} />
    </section>
  `;
}
