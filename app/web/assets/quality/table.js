// The tags of the report, sorted by what the reader asks; what is worst comes first.
import { html, useMemo, useState } from "../html.js";
import { count, percent, t } from "../i18n.js";
import { looked } from "./threshold.js";

const AT_FIRST = 40;
const COLUMNS = [
  ["name", "text"],
  ["positives", "count"],
  ["emitted", "count"],
  ["ap", "share"],
  ["precision", "share"],
  ["recall", "share"],
  ["f1", "share"],
  ["oracle_f1", "share"],
];
const SHOWN = { text: (value) => value, count, share: (value) => percent(value, 1) };

function sorted(tags, by, down) {
  const sign = down ? -1 : 1;
  return [...tags].sort((a, b) => {
    const [x, y] = [a[by], b[by]];
    if (x === null || y === null) return (x === null) - (y === null); // what is not known comes last
    return sign * (typeof x === "string" ? x.localeCompare(y, "zh") : x - y);
  });
}

export function TagTable({ tags }) {
  const [by, setBy] = useState("f1");
  const [down, setDown] = useState(false);
  const [find, setFind] = useState("");
  const [shown, setShown] = useState(AT_FIRST);
  const rows = useMemo(
    () => sorted(tags.filter((tag) => tag.name.includes(find.trim())), by, down),
    [tags, by, down, find],
  );
  const sort = (name) => {
    setDown(name === by ? !down : false);
    setBy(name);
  };
  const look = (tag) => {
    looked.set({ threshold: null, ...tag });
    location.hash = "#/quality/threshold";
  };
  return html`
    <section class="panel tag-table">
      <div class="row-wrap pad">
        <h2>${t("table.title")}</h2>
        <span class="push"></span>
        <input class="input table-find" type="search" aria-label=${t("table.find")} placeholder=${t("table.find")}
          value=${find} onInput=${(event) => setFind(event.target.value)} />
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("table.title")}>
        <table>
          <thead>
            <tr>
              ${COLUMNS.map(
                ([name]) => html`<th scope="col" aria-sort=${name === by ? (down ? "descending" : "ascending") : null}>
                  <button type="button" onClick=${() => sort(name)}>
                    ${t(`table.${name}`)}<span aria-hidden="true">${name === by ? (down ? " ↓" : " ↑") : ""}</span>
                  </button>
                </th>`,
              )}
            </tr>
          </thead>
          <tbody>
            ${rows.slice(0, shown).map(
              (tag) => html`<tr key=${tag.id}>
                ${COLUMNS.map(([name, kind]) =>
                  name === "name"
                    ? html`<th scope="row"><button type="button" class="link" onClick=${() => look(tag)}>${tag.name}</button></th>`
                    : html`<td class="number">${SHOWN[kind](tag[name])}</td>`,
                )}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${rows.length > shown &&
      html`<p class="more pad"><button type="button" class="button" onClick=${() => setShown(shown + 200)}>${t("diff.more", { n: rows.length - shown })}</button></p>`}
    </section>
  `;
}
