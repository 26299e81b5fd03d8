// 质量: how good the tags are, one tag against the background, what to judge next, jobs.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Segments } from "../parts/segments.js";
import { Jobs } from "./jobs.js";
import { QualityReport } from "./report.js";
import { Review } from "./review.js";
import { Threshold } from "./threshold.js";

const PARTS = { report: QualityReport, threshold: Threshold, review: Review, jobs: Jobs };

export function QualityTab({ part }) {
  const at = part in PARTS ? part : "report";
  const Part = PARTS[at];
  return html`
    <div class="head">
      <h1>${t("tab.quality")}</h1>
      <span class="push"></span>
      <${Segments}
        label=${t("quality.parts")}
        choices=${Object.keys(PARTS).map((name) => [name, t(`quality.${name}`)])}
        value=${at}
        onChange=${(name) => {
          location.hash = name === "report" ? "#/quality" : `#/quality/${name}`;
        }}
      />
    </div>
    <${Part} />
  `;
}
