// An error of the service as a person reads it.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

export function sayProblem(error) {
  if (error.code === "unreachable") return t("error.unreachable");
  return error.detail || error.title || t("error.unknown");
}

export function ProblemNote({ error, children }) {
  if (!error) return null;
  return html`
    <div class="notice bad" role="alert">
      <${Icon} name="alert" />
      <div class="grow">
        <strong>${sayProblem(error)}</strong>
        ${error.remedy && html`<span>${error.remedy}</span>`}
        ${children}
      </div>
    </div>
  `;
}
