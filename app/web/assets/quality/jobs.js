// Jobs in the background, looked at again while one of them is not over.
import { call, get, raw } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { count, decimal, percent, t, when } from "../i18n.js";
import { download } from "../parts/copy.js";
import { Icon } from "../parts/icon.js";
import { ProblemNote } from "../parts/problem.js";
import { toastProblem } from "../parts/toast.js";

const LOOK_EVERY_MS = 2000;
const TONES = { done: "good", failed: "bad", cancelled: "warn", running: "accent", queued: "" };

export const isOver = (job) => ["done", "failed", "cancelled"].includes(job.state);

export function Jobs() {
  const [jobs, setJobs] = useState(null);
  const [error, setError] = useState(null);
  const look = () =>
    get("/v1/jobs", { limit: 50 }).then((page) => {
      setJobs(page.items);
      setError(null);
    }, setError);
  useEffect(() => {
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  if (error?.missing) return html`<${Absent} />`;
  if (error && !jobs) return html`<${ProblemNote} error=${error} />`;
  if (!jobs) return html`<p class="row faint"><span class="spinner"></span></p>`;
  if (!jobs.length) {
    return html`<div class="empty"><${Icon} name="status" /><h2>${t("jobs.none")}</h2><p>${t("jobs.none.hint")}</p></div>`;
  }
  return html`<ul class="items panel">${jobs.map((job) => html`<${Job} key=${job.id} job=${job} onChange=${look} />`)}</ul>`;
}

export function Absent() {
  return html`<div class="empty"><${Icon} name="alert" /><h2>${t("absent.title")}</h2><p>${t("absent.hint")}</p></div>`;
}

function Job({ job, onChange }) {
  const path = `/v1/jobs/${encodeURIComponent(job.id)}`;
  const over = job.done + job.failed;
  const attempt = (work) => work().then(onChange, toastProblem);
  const results = async () => download(`${job.id}.jsonl`, await (await raw("GET", `${path}/results`)).blob());
  const facts = [
    t("jobs.progress", { done: count(over), all: count(job.total) }),
    job.failed ? t("jobs.failed", { n: count(job.failed) }) : "",
    job.rate && !isOver(job) ? t("jobs.rate", { n: decimal(job.rate, 1) }) : "",
    job.eta_s && !isOver(job) ? t("jobs.left", { n: Math.ceil(job.eta_s) }) : "",
    when(job.finished_at ?? job.started_at ?? job.created_at),
  ];
  return html`
    <li class="item job">
      <div class="row-wrap">
        <span class=${`badge ${TONES[job.state] ?? ""}`}>${t(`jobs.state.${job.state}`)}</span>
        <code>${job.id}</code>
        <span class="push"></span>
        <button type="button" class="button small" disabled=${!over} onClick=${() => results().catch(toastProblem)}>
          <${Icon} name="download" />${t("jobs.results")}
        </button>
        ${isOver(job)
          ? html`<button type="button" class="button quiet small danger" onClick=${() => attempt(() => call("DELETE", path))}>${t("delete")}</button>`
          : html`<button type="button" class="button quiet small" onClick=${() => attempt(() => call("POST", `${path}/cancel`))}>${t("jobs.cancel")}</button>`}
      </div>
      <progress class="progress" max=${Math.max(1, job.total)} value=${over} aria-label=${t("jobs.progress.label", { id: job.id })}>
        ${percent(over / Math.max(1, job.total))}
      </progress>
      <p class="faint number">${facts.filter(Boolean).join(" · ")}</p>
      ${job.problem && html`<p class="notice bad">${job.problem.detail}</p>`}
    </li>
  `;
}
