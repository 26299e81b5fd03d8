// What may be wrong with the vocabulary, by kind; each finding leads to its tag.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { count, decimal, has, t } from "../i18n.js";
import { Icon } from "../parts/icon.js";
import { ProblemNote } from "../parts/problem.js";

const AT_FIRST = 8;

const ruleName = (rule) => (has(`rule.${rule}`) ? t(`rule.${rule}`) : rule);

export function Lint({ onTag }) {
  const [report, setReport] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    get("/v1/vocabulary/lint").then(setReport, setError);
  }, []);
  if (error) return html`<${ProblemNote} error=${error} />`;
  if (!report) return html`<p class="row soft"><span class="spinner"></span>${t("lint.busy")}</p>`;
  const byRule = Map.groupBy
    ? Map.groupBy(report.findings, (one) => one.rule)
    : report.findings.reduce((map, one) => map.set(one.rule, [...(map.get(one.rule) ?? []), one]), new Map());
  if (!byRule.size) {
    return html`<div class="empty"><${Icon} name="check" /><h2>${t("lint.clean")}</h2></div>`;
  }
  return html`
    <div class="stack">
      ${[...byRule].map(([rule, found]) => html`<${Rule} key=${rule} rule=${rule} found=${found} onTag=${onTag} />`)}
      ${Object.entries(report.skipped).map(
        ([rule, why]) => html`<p class="faint">${t("lint.skipped", { rule: ruleName(rule), why })}</p>`,
      )}
    </div>
  `;
}

function Rule({ rule, found, onTag }) {
  const [shown, setShown] = useState(AT_FIRST);
  const alike = found.every((one) => one.remedy === found[0].remedy);
  return html`
    <section class="panel pad">
      <h2 class="row">${ruleName(rule)} <span class="badge number">${count(found.length)}</span></h2>
      ${alike && html`<p class="faint">${found[0].remedy}</p>`}
      <ul class="findings">
        ${found.slice(0, shown).map(
          (one) => html`<li>
            <span class="grow">${one.message} ${!alike && html`<span class="faint">${one.remedy}</span>`}</span>
            ${one.value !== null && html`<span class="faint number">${decimal(one.value, 2)}</span>`}
            <span class="row-wrap">
              ${one.tags.map(
                (tag) => html`<button type="button" class="chip" onClick=${() => onTag(tag.name)}>${tag.name}</button>`,
              )}
            </span>
          </li>`,
        )}
      </ul>
      ${found.length > shown &&
      html`<button type="button" class="button small" onClick=${() => setShown(shown + 50)}>
        ${t("diff.more", { n: found.length - shown })}
      </button>`}
    </section>
  `;
}
