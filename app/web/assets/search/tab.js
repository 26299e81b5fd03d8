// 找图: stored images by words or by a picture, and those that are one picture.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Segments } from "../parts/segments.js";
import { Adder } from "./adder.js";
import { Finder } from "./finder.js";
import { Groups } from "./groups.js";

export function SearchTab({ part }) {
  const at = part === "duplicates" ? part : "find";
  return html`
    <div class="head">
      <h1>${t("tab.search")}</h1>
      <span class="push"></span>
      <${Segments}
        label=${t("search.parts")}
        choices=${[["find", t("search.find")], ["duplicates", t("search.duplicates")]]}
        value=${at}
        onChange=${(name) => {
          location.hash = name === "find" ? "#/search" : `#/search/${name}`;
        }}
      />
      <${Adder} />
    </div>
    ${at === "find" ? html`<${Finder} />` : html`<${Groups} />`}
  `;
}
