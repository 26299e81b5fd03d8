// The fields of a tag's form; those seldom needed are folded away.
import { html, useState } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "../parts/icon.js";
import { useTagSuggestions } from "../parts/tagpicker.js";
import { useStore } from "../store.js";
import { overview } from "./overview.js";

let made = 0;
// One of each kind, to begin from.
const TARGETS = ["precision_target=0.9", "false_positive_rate=0.01", "min_confidence=0.6", "best_f1"];

function Text({ name, form, put, fault, lines = 0, ...more }) {
  const shared = {
    class: "input",
    name,
    value: form[name],
    "aria-invalid": fault === name ? "true" : null,
    onInput: (event) => put(name, event.target.value),
    ...more,
  };
  return html`
    <label class="field">
      <span>${t(`field.${name}`)}</span>
      ${lines ? html`<textarea rows=${lines} ...${shared}></textarea>` : html`<input ...${shared} />`}
    </label>
  `;
}

function Parents({ form, put, fault }) {
  const [list] = useState(() => `parents-${(made += 1)}`);
  const parts = form.parents.split("、");
  const before = parts.slice(0, -1).map((one) => `${one}、`).join("");
  const found = useTagSuggestions(parts.at(-1));
  return html`
    <${Text} name="parents" form=${form} put=${put} fault=${fault} list=${list} placeholder=${t("field.parents.hint")} />
    <datalist id=${list}>${found.map((tag) => html`<option value=${before + tag.name} />`)}</datalist>
  `;
}

export function Fields({ form, onChange, fault }) {
  const known = useStore(overview);
  const [list] = useState(() => `categories-${(made += 1)}`);
  const [targets] = useState(() => `targets-${(made += 1)}`);
  const [all, setAll] = useState(false);
  const put = (name, value) => onChange((before) => ({ ...before, [name]: value }));
  const given = { form, put, fault };
  return html`
    <div class="fields">
      <${Text} ...${given} name="name" required=${true} maxlength="64" autocomplete="off" />
      <${Text} ...${given} name="category" list=${list} autocomplete="off" />
      <datalist id=${list}>
        ${Object.keys(known?.categories ?? {}).map((name) => html`<option value=${name} />`)}
      </datalist>
      <${Text} ...${given} name="aliases" placeholder=${t("field.aliases.hint")} />
      <${Parents} ...${given} />
      <${Text} ...${given} name="threshold" inputmode="decimal" pattern="-?[0-9]*[.]?[0-9]+" placeholder=${t("field.threshold.hint")} />
      <${Text} ...${given} name="target" list=${targets} autocomplete="off" placeholder=${t("field.target.hint")} />
      <datalist id=${targets}>
        ${TARGETS.map((one) => html`<option value=${one} />`)}
      </datalist>
      <div class="field">
        <span>${t("field.state")}</span>
        <label class="switch">
          <input
            type="checkbox"
            role="switch"
            checked=${form.state === "active"}
            onChange=${(event) => put("state", event.target.checked ? "active" : "paused")}
          />
          ${t(`state.${form.state}`)}
        </label>
      </div>
    </div>
    <button type="button" class="button quiet small fold" aria-expanded=${String(all)} onClick=${() => setAll(!all)}>
      <${Icon} name=${all ? "down" : "right"} />${t("field.more")}
    </button>
    ${all &&
    html`<div class="fields">
      <${Text} ...${given} name="gloss" />
      <${Text} ...${given} name="exclusive_group" />
      <${Text} ...${given} name="description" lines="2" />
      <${Text} ...${given} name="notes" lines="2" />
      <${Text} ...${given} name="prompt_templates" lines="3" placeholder=${t("field.prompt_templates.hint")} />
      <${Text} ...${given} name="negative_prompts" lines="3" placeholder=${t("field.negative_prompts.hint")} />
    </div>`}
  `;
}
