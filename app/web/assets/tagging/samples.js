// Photos the project ships, for those who have none at hand.
import { raw } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { toastProblem } from "../parts/toast.js";

const SAMPLES = ["gray-cat", "autumn-mountain", "paint-brushes", "city-street", "two-dogs"];

const path = (name) => `/assets/samples/${name}.jpg`;

export function Samples({ onFiles }) {
  const take = async (names) => {
    try {
      onFiles(await Promise.all(names.map(fileOf)));
    } catch (error) {
      toastProblem(error);
    }
  };
  return html`
    <div class="samples">
      <p class="faint">
        ${t("samples.title")}
        <button type="button" class="button quiet small" onClick=${() => take(SAMPLES)}>${t("samples.all")}</button>
      </p>
      <ul class="samples-list">
        ${SAMPLES.map(
          (name) => html`<li>
            <button type="button" class="sample" onClick=${() => take([name])}>
              <img src=${path(name)} alt=${t(`sample.${name}`)} />
            </button>
          </li>`,
        )}
      </ul>
    </div>
  `;
}

async function fileOf(name) {
  const blob = await (await raw("GET", path(name))).blob();
  return new File([blob], `${name}.jpg`, { type: "image/jpeg" });
}
