// What /metrics says: rates between two looks, spreads, and everything else to look up.
import { html, useState } from "../html.js";
import { count, decimal, t } from "../i18n.js";
import { spread, total } from "./prometheus.js";

const OURS = /^tuqian_/;

const labelsOf = (labels) => Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(" ");

// The increase of a counter each second between two looks.
export function rate(now, before, name) {
  const [late, early] = [total(now.families, name), total(before?.families, name)];
  if (late === null || early === null || late < early) return null;
  return (late - early) / Math.max(0.001, (now.at - before.at) / 1000);
}

export function MetricTables({ now, before }) {
  const [find, setFind] = useState("");
  const all = [...now.families.values()].filter((one) => OURS.test(one.name) && one.samples.length);
  const shown = all.filter((one) => `${one.name} ${one.help}`.toLowerCase().includes(find.trim().toLowerCase()));
  return html`
    <section class="panel tag-table">
      <div class="row-wrap pad">
        <h2>${t("metrics.title")}</h2>
        <span class="push"></span>
        <input class="input table-find" type="search" aria-label=${t("metrics.find")} placeholder=${t("metrics.find")}
          value=${find} onInput=${(event) => setFind(event.target.value)} />
      </div>
      <div class="scroll metric-scroll" tabindex="0" role="region" aria-label=${t("metrics.title")}>
        <table>
          <thead><tr><th scope="col">${t("metrics.name")}</th><th scope="col">${t("metrics.labels")}</th><th scope="col">${t("metrics.value")}</th></tr></thead>
          <tbody>${shown.map((family) => html`<${Family} key=${family.name} family=${family} now=${now} before=${before} />`)}</tbody>
        </table>
      </div>
    </section>
  `;
}

function Family({ family, now, before }) {
  const { name, help, type, samples } = family;
  const head = html`<th scope="row" class="words" title=${name}>${help || name}<small class="faint mono">${name}</small></th>`;
  if (type === "histogram") {
    const seen = spread(now.families, name);
    return html`<tr>${head}<td></td><td class="number">${
      seen ? t("metrics.spread", { n: count(seen.count), p50: decimal(seen.p50, 4), p95: decimal(seen.p95, 4) }) : "—"
    }</td></tr>`;
  }
  const fast = type === "counter" ? rate(now, before, name) : null;
  const lines = samples.filter((one) => !one.name.endsWith("_created")).slice(0, 12);
  return lines.map(
    (one, i) => html`<tr key=${i}>
      ${i === 0 ? head : html`<td></td>`}
      <td class="faint">${labelsOf(one.labels)}</td>
      <td class="number">${Number.isInteger(one.value) ? count(one.value) : decimal(one.value, 4)}
        ${i === 0 && fast !== null && html`<span class="faint"> ${t("metrics.rate", { n: decimal(fast, 1) })}</span>`}</td>
    </tr>`,
  );
}
