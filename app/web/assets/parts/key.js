// Asks for an access key when the service wants one; kept until the browser's tab is closed.
import { keyWanted, useAccessKey } from "../api.js";
import { html, useState } from "../html.js";
import { t } from "../i18n.js";
import { useStore } from "../store.js";
import { Sheet } from "./dialog.js";

export function KeyDialog() {
  const wanted = useStore(keyWanted);
  const [key, setKey] = useState("");
  if (!wanted) return null;
  const submit = (event) => {
    event.preventDefault();
    useAccessKey(key.trim());
    location.reload(); // everything on the page was refused, so all of it is asked again
  };
  return html`
    <${Sheet} title=${t("key.title")} onClose=${() => keyWanted.set(false)}>
      <form class="stack" onSubmit=${submit}>
        <p class="soft">${t("key.why")}</p>
        <label class="field">
          <span>${t("key.label")}</span>
          <input
            class="input"
            type="password"
            autocomplete="off"
            value=${key}
            onInput=${(event) => setKey(event.target.value)}
          />
        </label>
        <button class="button primary" disabled=${!key.trim()}>${t("key.use")}</button>
      </form>
    <//>
  `;
}
