// A labelled evaluation (`tuqian evaluate`): its figures, its drawings, and every tag.
import { html } from "../html.js";
import { count, decimal, percent, t } from "../i18n.js";
import { Columns, PrecisionRecall, Reliability } from "./charts.js";
import { Figure } from "./running.js";
import { TagTable } from "./table.js";

const share = (figure) => percent(figure?.value, 1);
const between = (figure) =>
  figure && figure.low !== null ? `${percent(figure.low, 1)} – ${percent(figure.high, 1)}` : "";

// Precision and recall of everything above each bin's confidence, from the surest bin down.
export function curveOf(reliability, truePairs) {
  const points = [];
  let emitted = 0;
  let right = 0;
  for (let i = reliability.count.length - 1; i >= 0; i -= 1) {
    emitted += reliability.count[i];
    right += reliability.count[i] * reliability.precision[i];
    if (emitted) points.push({ recall: Math.min(1, right / Math.max(1, truePairs)), precision: right / emitted });
  }
  return points;
}

export function Evaluation({ report }) {
  const { subject, served, automatic, reliability, coverage, tags } = report;
  const points = reliability.confidence.map((promised, i) => ({
    promised,
    kept: reliability.precision[i],
    count: reliability.count[i],
  }));
  const marks = tags.filter((tag) => tag.precision !== null && tag.recall !== null);
  const curve = { name: "all", points: curveOf(reliability, report.true_pairs) };
  return html`
    <p class="soft evaluation-subject">
      ${t("evaluation.subject", { dataset: subject.dataset, model: subject.model, revision: subject.vocabulary_revision })}
    </p>
    <dl class="figures">
      <${Figure} name=${t("report.map")} value=${share(report.mean_ap)} note=${between(report.mean_ap)} title=${t("report.map.note")} />
      <${Figure} name=${t("report.precision")} value=${share(served.micro_precision)} note=${between(served.micro_precision)} />
      <${Figure} name=${t("report.recall")} value=${share(served.micro_recall)} note=${between(served.micro_recall)} />
      <${Figure} name=${t("report.f1")} value=${share(automatic.macro_f1)} note=${between(automatic.macro_f1)} title=${t("report.f1.note")} />
      <${Figure} name=${t("report.ece")} value=${decimal(report.ece?.value)} note=${t("report.ece.note")} />
      <${Figure} name=${t("report.images")} value=${count(report.images)} note=${t("report.pairs", { n: count(report.true_pairs) })} />
    </dl>
    <div class="charts">
      <figure class="panel pad">
        <figcaption><h2>${t("chart.reliability")}</h2><p class="faint">${t("chart.reliability.note")}</p></figcaption>
        <${Reliability} points=${points} />
      </figure>
      <figure class="panel pad">
        <figcaption><h2>${t("chart.curves")}</h2><p class="faint">${t("chart.curves.note")}</p></figcaption>
        <${PrecisionRecall} curves=${[curve]} marks=${marks} />
      </figure>
      <figure class="panel pad">
        <figcaption><h2>${t("chart.coverage")}</h2><p class="faint">${t("chart.coverage.note")}</p></figcaption>
        <${Columns} counts=${coverage.histogram} label=${t("chart.coverage")} across=${t("chart.coverage.across")} />
      </figure>
    </div>
    <${TagTable} tags=${tags} />
  `;
}
