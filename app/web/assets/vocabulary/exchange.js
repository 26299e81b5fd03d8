// The vocabulary as a file: looked at before it is taken in, and given out.
import { call, raw } from "../api.js";
import { html, useRef, useState } from "../html.js";
import { count, size, t } from "../i18n.js";
import { download } from "../parts/copy.js";
import { Icon } from "../parts/icon.js";
import { ProblemNote } from "../parts/problem.js";
import { Segments } from "../parts/segments.js";
import { toast, toastProblem } from "../parts/toast.js";
import { Changes } from "./diff.js";
import { undo } from "./edits.js";
import { lookAgain } from "./overview.js";

const read = (file, mode, dryRun) =>
  call("POST", "/v1/vocabulary/import", {
    body: file,
    headers: { "Content-Type": "application/octet-stream" },
    query: { mode, dry_run: dryRun, reason: dryRun ? "" : t("import.reason", { file: file.name }) },
  });

export function Exchange() {
  return html`<div class="two-panels"><${Import} /><${Export} /></div>`;
}

function Import() {
  const [file, setFile] = useState(null);
  const [mode, setMode] = useState("merge");
  const [trial, setTrial] = useState(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const input = useRef();

  const tryOut = async (chosen, how) => {
    setFile(chosen);
    setMode(how);
    setTrial(null);
    setError(null);
    if (!chosen) return;
    setBusy(true);
    try {
      setTrial((await read(chosen, how, true)).data);
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };
  const take = async () => {
    setBusy(true);
    try {
      const { data } = await read(file, mode, false);
      tryOut(null, mode);
      lookAgain();
      toast(t("import.done", { n: data.created + data.updated + data.deleted }), {
        label: t("undo"),
        run: () => undo(data.vocabulary_revision).then(lookAgain, toastProblem),
      });
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };
  return html`
    <section class="panel pad stack">
      <h2>${t("import.title")}</h2>
      <p class="soft">${t("import.how")}</p>
      <div class="row-wrap">
        <button type="button" class="button" onClick=${() => input.current.click()}>
          <${Icon} name="upload" />${t("import.pick")}
        </button>
        <input ref=${input} type="file" hidden accept=".csv,.json,.txt" aria-label=${t("import.pick")}
          onChange=${(event) => {
            const [chosen] = event.target.files;
            event.target.value = "";
            if (chosen) tryOut(chosen, mode);
          }} />
        <${Segments}
          label=${t("import.mode")}
          choices=${[["merge", t("import.merge")], ["replace", t("import.replace")]]}
          value=${mode}
          onChange=${(how) => tryOut(file, how)}
        />
        ${busy && html`<span class="spinner"></span>`}
      </div>
      ${file && html`<p class="faint">${file.name} · ${size(file.size)}</p>`}
      <${ProblemNote} error=${error}><${Lines} problems=${error?.body?.problems} /><//>
      ${trial && html`<${Trial} trial=${trial} busy=${busy} onTake=${take} />`}
    </section>
  `;
}

function Lines({ problems }) {
  if (!problems?.length) return null;
  return html`<ul class="problem-lines">
    ${problems.slice(0, 20).map(
      (one) => html`<li>${one.line ? t("import.line", { n: one.line }) : ""} ${one.message ?? one.detail}</li>`,
    )}
    ${problems.length > 20 && html`<li>${t("import.lines.more", { n: problems.length - 20 })}</li>`}
  </ul>`;
}

function Trial({ trial, busy, onTake }) {
  return html`
    <div class="stack" role="status">
      <div class="counts">
        <span class="badge good">${t("diff.added", { n: count(trial.created) })}</span>
        <span class="badge warn">${t("diff.changed", { n: count(trial.updated) })}</span>
        <span class="badge bad">${t("diff.removed", { n: count(trial.deleted) })}</span>
        <span class="faint">${t("import.rows", { n: count(trial.rows) })}</span>
      </div>
      ${!trial.changed && html`<p class="soft">${t("import.same")}</p>`}
      <${Changes} changes=${trial.changes ?? []} all=${trial.created + trial.updated + trial.deleted} />
      ${trial.changed &&
      html`<div><button type="button" class="button primary" disabled=${busy} onClick=${onTake}>${t("import.take")}</button></div>`}
    </div>
  `;
}

function Export() {
  const take = async (format) => {
    try {
      const response = await raw("GET", "/v1/vocabulary/export", { query: { format } });
      const [, name] = response.headers.get("Content-Disposition")?.match(/filename="([^"]+)"/) ?? [];
      download(name ?? `vocabulary.${format}`, await response.blob());
    } catch (error) {
      toastProblem(error);
    }
  };
  return html`
    <section class="panel pad stack">
      <h2>${t("export.title")}</h2>
      <p class="soft">${t("export.how")}</p>
      <div class="row-wrap">
        ${["csv", "json"].map(
          (format) => html`<button type="button" class="button" onClick=${() => take(format)}>
            <${Icon} name="download" />${format.toUpperCase()}
          </button>`,
        )}
      </div>
    </section>
  `;
}
