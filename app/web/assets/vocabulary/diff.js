// Tags before and after, a line each; fields that differ below.
import { html, useState } from "../html.js";
import { has, t } from "../i18n.js";

const AT_FIRST = 30;
const SIGNS = { added: "+", removed: "−", changed: "~" };

const said = (value) => {
  if (value === null || value === undefined || value === "") return t("diff.empty");
  if (Array.isArray(value)) return value.length ? value.join("、") : t("diff.empty");
  return String(value);
};

const fieldName = (name) => (has(`field.${name}`) ? t(`field.${name}`) : name);

export function Changes({ changes, all = changes.length }) {
  const [shown, setShown] = useState(AT_FIRST);
  if (!changes.length) return null;
  return html`
    <ul class="changes">
      ${changes.slice(0, shown).map((one) => html`<${Change} key=${one.id} change=${one} />`)}
    </ul>
    ${changes.length > shown &&
    html`<button type="button" class="button small" onClick=${() => setShown(shown + 10 * AT_FIRST)}>
      ${t("diff.more", { n: all - shown })}
    </button>`}
    ${changes.length <= shown && all > changes.length &&
    html`<p class="faint">${t("diff.rest", { n: all - changes.length })}</p>`}
  `;
}

function Change({ change }) {
  const { kind, name, fields, before, after } = change;
  return html`
    <li class=${`change ${kind}`}>
      <span class="sign" aria-hidden="true">${SIGNS[kind]}</span>
      <div class="grow">
        <span class="heard">${t(`diff.kind.${kind}`)}</span>
        <strong>${name}</strong>
        ${kind !== "changed" && html` <span class="faint">${(after ?? before)?.category ?? ""}</span>`}
        ${fields.map(
          (field) => html`<div class="change-field">
            <span class="faint">${fieldName(field)}</span>
            <del>${said(before[field])}</del> <ins>${said(after[field])}</ins>
          </div>`,
        )}
      </div>
    </li>
  `;
}
