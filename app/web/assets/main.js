// The frame: five tabs, one of them open, by the address after `#`.
import { get } from "./api.js";
import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./html.js";
import { language, langTag, t } from "./i18n.js";
import { Icon } from "./parts/icon.js";
import { KeyDialog } from "./parts/key.js";
import { Toasts } from "./parts/toast.js";
import { TopTools } from "./parts/tools.js";
import { QualityTab } from "./quality/tab.js";
import { SearchTab } from "./search/tab.js";
import { StatusTab } from "./status/tab.js";
import { useStore } from "./store.js";
import { TaggingTab } from "./tagging/tab.js";
import { VocabularyTab } from "./vocabulary/tab.js";

const TABS = [
  ["tag", TaggingTab],
  ["vocabulary", VocabularyTab],
  ["search", SearchTab],
  ["quality", QualityTab],
  ["status", StatusTab],
];

// `#/vocabulary/history` is the tab `vocabulary` and its part `history`.
function place() {
  const [tab, part = ""] = location.hash.replace(/^#\/?/, "").split("/");
  return TABS.some(([name]) => name === tab) ? { tab, part } : { tab: "tag", part: "" };
}

// A tab that cannot draw what it was told leaves the others alone.
function Guarded({ tab: Tab, part }) {
  const [error] = useErrorBoundary((failed) => console.error(failed));
  if (!error) return html`<${Tab} part=${part} />`;
  return html`<div class="notice bad" role="alert"><div><strong>${t("error.drawing")}</strong>${String(error.message)}</div></div>`;
}

function App() {
  useStore(language);
  const [at, setAt] = useState(place());
  const main = useRef();
  // Who needs a key is asked for it now, not when the photos have been chosen.
  useEffect(() => void get("/v1/models").catch(() => {}), []);
  useEffect(() => {
    const move = () => setAt(place());
    addEventListener("hashchange", move);
    return () => removeEventListener("hashchange", move);
  }, []);
  useEffect(() => {
    document.documentElement.lang = langTag();
    document.title = `${t(`tab.${at.tab}`)} · ${t("brand")}`;
  });
  const skip = (event) => {
    event.preventDefault(); // the address is taken by the tabs
    main.current.focus();
  };
  const [, Tab] = TABS.find(([name]) => name === at.tab);
  return html`
    <div class="frame">
      <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
      <header class="top">
        <div class="top-inner">
          <a class="brand" href="#/tag"><img src="/assets/icon.svg" alt="" />${t("brand")}</a>
          <nav class="tabs" aria-label=${t("tabs")}>
            ${TABS.map(
              ([name]) => html`<a
                href=${`#/${name}`}
                aria-current=${name === at.tab ? "page" : null}
              ><${Icon} name=${name} />${t(`tab.${name}`)}</a>`,
            )}
          </nav>
          <${TopTools} />
        </div>
      </header>
      <main class="main" id="main" tabindex="-1" ref=${main}>
        <${Guarded} tab=${Tab} part=${at.part} key=${at.tab} />
      </main>
      <${Toasts} />
      <${KeyDialog} />
    </div>
  `;
}

render(html`<${App} />`, document.getElementById("app"));
