// 词表: the tags, files of them, their history, and what may be wrong with them.
import { html, useEffect, useState } from "../html.js";
import { count, t } from "../i18n.js";
import { Segments } from "../parts/segments.js";
import { useStore } from "../store.js";
import { Exchange } from "./exchange.js";
import { History } from "./history.js";
import { TagList } from "./list.js";
import { Lint } from "./lint.js";
import { lookAgain, overview } from "./overview.js";

const PARTS = { tags: TagList, files: Exchange, history: History, lint: Lint };

export function VocabularyTab({ part }) {
  const known = useStore(overview);
  const [asked, setAsked] = useState("");
  const at = part in PARTS ? part : "tags";
  useEffect(() => {
    lookAgain();
  }, []);
  const go = (name) => {
    location.hash = name === "tags" ? "#/vocabulary" : `#/vocabulary/${name}`;
  };
  // A finding names a tag; following it opens the list at that tag.
  const open = (name) => {
    setAsked(name);
    go("tags");
  };
  const Part = PARTS[at];
  return html`
    <div class="head">
      <h1>${t("tab.vocabulary")}</h1>
      ${known &&
      html`<p class="faint number">
        ${t("vocabulary.sum", {
          tags: count(known.active),
          categories: Object.keys(known.categories).length,
          revision: known.vocabulary_revision,
        })}
      </p>`}
      <span class="push"></span>
      <${Segments}
        label=${t("vocabulary.parts")}
        choices=${Object.keys(PARTS).map((name) => [name, t(`vocabulary.${name}`)])}
        value=${at}
        onChange=${go}
      />
    </div>
    <${Part} key=${at} asked=${asked} onTag=${open} />
  `;
}
