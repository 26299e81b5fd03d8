// 状态: what runs, on what, how busy it is, and where the time goes.
import { get, raw, timing } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { count, decimal, has, t, when } from "../i18n.js";
import { ProblemNote } from "../parts/problem.js";
import { useStore } from "../store.js";
import { Gauges } from "./gauges.js";
import { MetricTables } from "./metrics.js";
import { parse } from "./prometheus.js";

const LOOK_EVERY_MS = 3000;
const LOOKS_KEPT = 40;

async function look() {
  const [ready, models, api] = await Promise.all([get("/readyz"), get("/v1/models"), version()]);
  return { ready, models, version: api };
}

let known = null; // the document is large and does not change while the service runs

async function version() {
  known ??= (await get("/openapi.json")).info.version;
  return known;
}

let silent = false; // this service has no metrics, and need not be asked again

// The families and when they were read; null where the service has none.
async function metrics() {
  if (silent) return null;
  try {
    return { at: performance.now(), families: parse(await (await raw("GET", "/metrics")).text()) };
  } catch (error) {
    if (!error.missing) throw error;
    silent = true;
    return null;
  }
}

export function StatusTab() {
  const [seen, setSeen] = useState(null);
  const [samples, setSamples] = useState({ looks: [], absent: false });
  const [error, setError] = useState(null);
  const [at, setAt] = useState(null);
  const busy = useRef(false);
  useEffect(() => {
    const again = async () => {
      if (busy.current || document.hidden) return;
      busy.current = true;
      try {
        setSeen(await look());
        const found = await metrics();
        setSamples(({ looks }) => ({
          looks: found ? [...looks.slice(1 - LOOKS_KEPT), found] : [],
          absent: found === null,
        }));
        setAt(new Date().toISOString());
        setError(null);
      } catch (failed) {
        setError(failed);
      } finally {
        busy.current = false;
      }
    };
    again();
    const timer = setInterval(again, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return html`
    <div class="head">
      <h1>${t("tab.status")}</h1>
      <span class="push"></span>
      ${at && html`<p class="faint number">${t("status.at", { time: when(at) })}</p>`}
      <a class="button small" href="/docs">${t("status.docs")}</a>
    </div>
    <${ProblemNote} error=${error} />
    ${seen && html`<${Overview} seen=${seen} />`}
    ${samples.looks.length > 0 && html`<${Gauges} looks=${samples.looks} />`}
    <${Stages} />
    ${samples.looks.length > 0 && html`<${MetricTables} now=${samples.looks.at(-1)} before=${samples.looks.at(-2)} />`}
    ${samples.absent && html`<p class="notice">${t("status.metrics.absent")}</p>`}
    ${seen && html`<${Models} models=${seen.models} />`}
  `;
}

function Overview({ seen }) {
  const { ready, models } = seen;
  const facts = [
    [t("status.state"), html`<span class="badge good">${t("status.ready")}</span>`],
    [t("status.model"), models.current],
    [t("status.device"), models.device],
    [t("status.dim"), count(models.dim)],
    [t("status.tags"), count(ready.tags)],
    [t("status.revision"), count(ready.vocabulary_revision)],
    [t("status.snapshots"), count(ready.live_snapshots)],
    [t("status.version"), seen.version],
  ];
  return html`
    <section class="panel pad">
      <h2 class="heard">${t("status.overview")}</h2>
      <dl class="facts wide status-facts">
        ${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd class="number">${value}</dd></div>`)}
      </dl>
      <p class="faint status-key"><code>${models.model_key}</code></p>
    </section>
  `;
}

const HUES = [175, 215, 255, 295, 335, 35, 75, 115];

// Where the time of this page's latest tagging request went.
function Stages() {
  const stages = useStore(timing);
  if (!stages) return null;
  const all = Object.entries(stages).filter(([, spent]) => spent >= 0.05);
  const sum = all.reduce((total, [, spent]) => total + spent, 0) || 1;
  const name = (stage) => (has(`stage.${stage}`) ? t(`stage.${stage}`) : stage);
  return html`
    <section class="panel pad stack">
      <h2>${t("stages.title")} <span class="faint number">${decimal(sum, 0)} ms</span></h2>
      <div class="stages" role="img" aria-label=${all.map(([stage, spent]) => `${stage} ${decimal(spent, 1)} ms`).join(", ")}>
        ${all.map(
          ([stage, spent], i) => html`<i key=${stage} style=${{ flexGrow: spent / sum, "--hue": HUES[i % HUES.length] }}></i>`,
        )}
      </div>
      <ul class="row-wrap">
        ${all.map(
          ([stage, spent], i) => html`<li class="row stage">
            <span class="dot" style=${{ "--hue": HUES[i % HUES.length] }}></span>${name(stage)}
            <span class="faint number">${decimal(spent, 1)} ms</span>
          </li>`,
        )}
      </ul>
    </section>
  `;
}

function Models({ models }) {
  return html`
    <section class="panel tag-table">
      <h2 class="pad">${t("status.models")}</h2>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("status.models")}>
        <table>
          <thead><tr>${["name", "kind", "description", "licence", "installed"].map((one) => html`<th scope="col">${t(`model.${one}`)}</th>`)}</tr></thead>
          <tbody>
            ${models.models.map(
              (model) => html`<tr>
                <th scope="row">${model.name} ${model.loaded && html`<span class="badge accent">${t("model.loaded")}</span>`}</th>
                <td>${model.kind}</td><td class="words">${model.description}</td><td class="words">${model.licence}</td>
                <td>${t(model.installed ? "yes" : "no")}</td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>
  `;
}
