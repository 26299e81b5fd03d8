// What is known without an evaluation: what people said of the tags, and how the traffic looks.
import { html, useState } from "../html.js";
import { count, decimal, percent, t, when } from "../i18n.js";
import { PrecisionRecall, Reliability } from "./charts.js";
import { looked } from "./threshold.js";

export function Figure({ name, value, note = "", title = "" }) {
  return html`<div class="figure panel" title=${title}>
    <dt>${name}</dt>
    <dd class="number">${value}<small>${note}</small></dd>
  </div>`;
}

export function Running({ quality }) {
  const { bank, feedback, health } = quality;
  const { recent, drift } = health;
  const { kept } = feedback;
  const said = feedback.right + feedback.wrong + feedback.missing;
  return html`
    <dl class="figures">
      <${Figure}
        name=${t("running.kept")}
        value=${kept ? percent(kept.right, 1) : "—"}
        note=${kept ? t("running.kept.note", { promised: percent(kept.promised, 1) }) : t("running.kept.none")}
      />
      <${Figure}
        name=${t("running.judgements")}
        value=${count(said)}
        note=${t("running.judgements.note", { right: count(feedback.right), wrong: count(feedback.wrong), missing: count(feedback.missing) })}
      />
      <${Figure}
        name=${t("running.tags")}
        value=${recent ? decimal(recent.tags_per_image, 1) : "—"}
        note=${recent ? t("running.tags.note", { n: count(recent.images) }) : t("running.none")}
      />
      <${Figure}
        name=${t("running.bare")}
        value=${recent ? percent(recent.without_tags, 1) : "—"}
        note=${health.bank ? t("running.bare.note", { share: percent(health.bank.without_tags, 1) }) : ""}
      />
      <${Figure}
        name=${t("running.drift")}
        value=${drift ? decimal(drift.index, 2) : "—"}
        note=${drift ? t(drift.notable ? "running.drift.bad" : "running.drift.good") : t("running.drift.none")}
        title=${t("running.drift.title")}
      />
      <${Figure}
        name=${t("running.bank")}
        value=${count(bank.images)}
        note=${[t(`bank.${bank.source}`), bank.measured_at && when(bank.measured_at)].filter(Boolean).join(" · ")}
      />
    </dl>
    <${Feedback} feedback=${feedback} />
    <${Notes} health=${health} />
  `;
}

const share = (tag) => (tag.right + tag.wrong ? tag.right / (tag.right + tag.wrong) : null);

// What is not known comes last, whichever way the others go.
function sorted(tags, by, down) {
  const value = by === "share" ? share : (tag) => tag[by];
  return [...tags].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === "string" ? x.localeCompare(y, "zh") : x - y;
    return (down ? -order : order) || b.wrong + b.missing - a.wrong - a.missing;
  });
}

// The tags people found wrong most often come first, until the reader asks for another order.
function Feedback({ feedback }) {
  const { kept, tags, reliability, cuts } = feedback;
  const [by, setBy] = useState("share");
  const [down, setDown] = useState(false);
  if (!tags.length) return null;
  const sort = (name) => {
    // Counts are asked for to see the largest.
    setDown(name === by ? !down : !["name", "share"].includes(name));
    setBy(name);
  };
  const look = (tag) => {
    looked.set({ threshold: null, ...tag });
    location.hash = "#/quality/threshold";
  };
  return html`
    <section class="panel tag-table">
      <h2 class="pad">${t("running.judged")}</h2>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("running.judged")}>
        <table>
          <thead>
            <tr>
              ${["name", "share", "right", "wrong", "missing", "shift"].map(
                (name) => html`<th scope="col" aria-sort=${name === by ? (down ? "descending" : "ascending") : null}>
                  <button type="button" onClick=${() => sort(name)}>
                    ${t(`judged.${name}`)}<span aria-hidden="true">${name === by ? (down ? " ↓" : " ↑") : ""}</span>
                  </button>
                </th>`,
              )}
            </tr>
          </thead>
          <tbody>
            ${sorted(tags, by, down).map(
              (tag) => html`<tr key=${tag.id}>
                <th scope="row"><button type="button" class="link" onClick=${() => look(tag)}>${tag.name}</button></th>
                <td class="number">${share(tag) === null ? "—" : percent(share(tag))}</td>
                <td class="number">${tag.right}</td>
                <td class="number">${tag.wrong}</td>
                <td class="number">${tag.missing}</td>
                <td class="number">${decimal(tag.shift, 2)} <span class="faint">± ${decimal(tag.deviation, 2)}</span></td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>
    <div class="charts">
      ${kept &&
      html`<figure class="panel pad">
        <figcaption><h2>${t("chart.reliability")}</h2><p class="faint">${t("running.kept.chart", { n: count(kept.judged) })}</p></figcaption>
        <${Reliability} points=${(reliability?.length ? reliability : [kept]).map((one) => ({ promised: one.promised, kept: one.right, low: one.low, high: one.high, count: one.judged }))} />
      </figure>`}
      ${cuts?.length > 1 &&
      html`<figure class="panel pad">
        <figcaption><h2>${t("chart.curves")}</h2><p class="faint">${t("running.cuts.note")}</p></figcaption>
        <${PrecisionRecall} curves=${[{ name: "judged", points: cuts }]} />
      </figure>`}
    </div>
  `;
}

function Notes({ health }) {
  const { drift, together } = health;
  if (!drift?.tags.length && !together.length) return null;
  return html`
    <section class="panel pad stack running-notes">
      ${drift?.tags.length > 0 &&
      html`<div>
        <h2>${t("running.drifted", { n: count(drift.drifted) })}</h2>
        <p class="row-wrap">${drift.tags.map((tag) => html`<span class="chip">${tag.name} <span class="number">${decimal(tag.index, 2)}</span></span>`)}</p>
      </div>`}
      ${together.length > 0 &&
      html`<div>
        <h2>${t("running.together")}</h2>
        <p class="row-wrap">
          ${together.map(
            (pair) => html`<span class="chip">${pair.tags.map((tag) => tag.name).join(" + ")} <span class="number">${pair.both}/${pair.either}</span></span>`,
          )}
        </p>
      </div>`}
    </section>
  `;
}
