// One tag of a photo: its confidence as a bar, why it is there, and the reader's verdict.
import { html, useEffect, useState } from "../html.js";
import { decimal, percent, t } from "../i18n.js";
import { backgroundOf, rateAt } from "../parts/background.js";
import { hueStyle } from "../parts/hue.js";
import { Icon } from "../parts/icon.js";
import { lacking, strictest } from "./cut.js";
import { judge } from "./feedback.js";

export function TagName({ tag }) {
  return html`
    <span class="dot" style=${hueStyle(tag.category)} title=${tag.category}></span>
    <span class="tag-name">${tag.name}</span>
    ${tag.parents.length > 0 &&
    html`<span class="tag-parents clip">${tag.parents.map((one) => one.name).join(" · ")}</span>`}
  `;
}

export function Bar({ share, muted = false }) {
  return html`<div class=${muted ? "bar muted" : "bar"} aria-hidden="true">
    <i style=${{ width: percent(share, 1) }}></i>
  </div>`;
}

function Verdict({ card, tag, verdict, label, icon }) {
  const said = card.verdicts[tag.id]?.verdict === verdict;
  return html`<button
    type="button"
    class=${`icon-button verdict ${verdict}`}
    aria-pressed=${String(said)}
    aria-label=${label}
    title=${label}
    onClick=${() => judge(card, tag, verdict)}
  ><${Icon} name=${icon} /></button>`;
}

const upTo = (tag) => (strictest(tag) === null ? "—" : percent(strictest(tag)));

export function TagRow({ card, tag }) {
  const [open, setOpen] = useState(false);
  const id = `why-${card.key}-${tag.id}`;
  return html`
    <li class="tag">
      <div class="tag-line">
        <button
          type="button"
          class="tag-main"
          aria-expanded=${String(open)}
          aria-controls=${id}
          title=${t("why.hint", { strictest: upTo(tag), similarity: decimal(tag.similarity) })}
          onClick=${() => setOpen(!open)}
        >
          <${TagName} tag=${tag} />
          <span class="tag-sure number">${percent(tag.confidence)}</span>
        </button>
        <${Verdict} card=${card} tag=${tag} verdict="right" icon="check"
          label=${t("feedback.right", { tag: tag.name })} />
        <${Verdict} card=${card} tag=${tag} verdict="wrong" icon="cross"
          label=${t("feedback.wrong", { tag: tag.name })} />
      </div>
      <${Bar} share=${tag.confidence} />
      <div id=${id} hidden=${!open}>
        ${open && html`<${Why} tag=${tag} />`}
      </div>
    </li>
  `;
}

function Why({ tag }) {
  const [above, setAbove] = useState(null);
  useEffect(() => {
    backgroundOf(tag.id).then((seen) => setAbove(rateAt(seen, tag.similarity)), () => {});
  }, [tag.id]);
  const rows = [
    ["why.similarity", decimal(tag.similarity, 4)],
    ["why.threshold", tag.usual_threshold > 1 ? t("why.unreachable") : decimal(tag.usual_threshold, 4)],
    ["why.strictest", upTo(tag)],
    ["why.score", decimal(tag.score, 2)],
    ["why.confidence", percent(tag.confidence, 1)],
    ["why.percentile", above === null ? "—" : percent(1 - above, 1)],
    ["why.category", tag.category || "—"],
  ];
  return html`
    <div class="why">
      <dl class="facts">
        ${rows.map(
          ([name, value]) => html`<div title=${t(`${name}.note`)}>
            <dt>${t(name)}</dt><dd class="number">${value}</dd>
          </div>`,
        )}
      </dl>
      <p class="faint">${t("why.note")}</p>
    </div>
  `;
}

export function MissRow({ tag, cut }) {
  const short = cut.auto ? t("miss.lacking", { n: decimal(lacking(tag)) }) : t("miss.strictest", { n: upTo(tag) });
  return html`
    <li class="tag">
      <div class="tag-line">
        <div class="tag-main">
          <${TagName} tag=${tag} />
          <span class="tag-sure number faint">${short}</span>
        </div>
      </div>
      <${Bar} share=${tag.confidence} muted=${true} />
    </li>
  `;
}
