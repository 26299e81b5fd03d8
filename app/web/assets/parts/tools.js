// The right end of the top: is the service well, the language, day or night.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { language, switchLanguage, t } from "../i18n.js";
import { useStore } from "../store.js";
import { Icon } from "./icon.js";

const LOOK_EVERY_MS = 15_000;

const isDark = () =>
  document.documentElement.dataset.theme === "dark" ||
  (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);

function Alive() {
  const [ready, setReady] = useState(null);
  useEffect(() => {
    let gone = false;
    const look = () =>
      get("/readyz").then(
        (found) => gone || setReady(found),
        () => gone || setReady(false),
      );
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, []);
  if (ready === null) return html`<span class="alive"></span>`;
  if (!ready) return html`<span class="alive lost" role="status">${t("alive.lost")}</span>`;
  return html`<span class="alive ready" title=${t("alive.tags", { n: ready.tags })}>
    <span>${ready.model}</span>
  </span>`;
}

export function TopTools() {
  const lang = useStore(language);
  const [dark, setDark] = useState(isDark());
  const turn = () => {
    const theme = dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("tuqian.theme", theme);
    } catch {
      // then it lasts as long as the page
    }
    setDark(!dark);
  };
  return html`
    <div class="top-tools">
      <${Alive} />
      <button
        type="button"
        class="button quiet small lang"
        lang=${lang === "zh" ? "en" : "zh-CN"}
        onClick=${switchLanguage}
      >${lang === "zh" ? "English" : "中文"}</button>
      <button
        type="button"
        class="icon-button"
        aria-label=${t(dark ? "theme.light" : "theme.dark")}
        onClick=${turn}
      ><${Icon} name=${dark ? "sun" : "moon"} /></button>
    </div>
  `;
}
