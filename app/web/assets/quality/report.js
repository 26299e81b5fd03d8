// How good the tags are: a few figures, the drawings, and every tag, the worst first.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { count, decimal, percent, t } from "../i18n.js";
import { ProblemNote } from "../parts/problem.js";
import { Columns, PrecisionRecall, Reliability } from "./charts.js";
import { Absent } from "./jobs.js";
import { TagTable } from "./table.js";

export function QualityReport() {
  const [report, setReport] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    get("/v1/quality").then(setReport, setError);
  }, []);
  if (error?.missing) return html`<${Absent} />`;
  if (error) return html`<${ProblemNote} error=${error} />`;
  if (!report) return html`<p class="row faint"><span class="spinner"></span>${t("report.busy")}</p>`;
  return html`<${Judged} report=${report} />`;
}

const share = (figure) => percent(figure?.value, 1);
const between = (figure) =>
  figure && figure.low !== null ? `${percent(figure.low, 1)} – ${percent(figure.high, 1)}` : "";

export function Figure({ name, value, note = "", title = "" }) {
  return html`<div class="figure panel" title=${title}>
    <dt>${name}</dt>
    <dd class="number">${value}</dd>
    <small class="number">${note}</small>
  </div>`;
}

function Judged({ report }) {
  const { served, reliability, coverage, tags } = report;
  const points = (reliability?.confidence ?? []).map((promised, i) => ({
    promised,
    kept: reliability.precision[i],
    count: reliability.count[i],
  }));
  const marks = tags.filter((tag) => tag.precision !== null && tag.recall !== null);
  return html`
    <dl class="figures">
      <${Figure} name=${t("report.map")} value=${share(report.mean_ap)} note=${between(report.mean_ap)} title=${t("report.map.note")} />
      <${Figure} name=${t("report.precision")} value=${share(served?.micro_precision)} note=${between(served?.micro_precision)} />
      <${Figure} name=${t("report.recall")} value=${share(served?.micro_recall)} note=${between(served?.micro_recall)} />
      <${Figure} name=${t("report.f1")} value=${share(report.automatic?.macro_f1)} note=${between(report.automatic?.macro_f1)} title=${t("report.f1.note")} />
      <${Figure} name=${t("report.ece")} value=${decimal(report.ece?.value)} note=${t("report.ece.note")} />
      <${Figure} name=${t("report.images")} value=${count(report.images)} note=${t("report.pairs", { n: count(report.true_pairs) })} />
    </dl>
    <div class="charts">
      <figure class="panel pad"><figcaption><h2>${t("chart.reliability")}</h2><p class="faint">${t("chart.reliability.note")}</p></figcaption>
        <${Reliability} points=${points} /></figure>
      <figure class="panel pad"><figcaption><h2>${t("chart.curves")}</h2><p class="faint">${t("chart.curves.note")}</p></figcaption>
        <${PrecisionRecall} curves=${report.curves ?? []} marks=${marks} /></figure>
      ${coverage &&
      html`<figure class="panel pad"><figcaption><h2>${t("chart.coverage")}</h2><p class="faint">${t("chart.coverage.note")}</p></figcaption>
        <${Columns} counts=${coverage.histogram} label=${t("chart.coverage")} across=${t("chart.coverage.across")} /></figure>`}
    </div>
    <${TagTable} tags=${tags} />
  `;
}
