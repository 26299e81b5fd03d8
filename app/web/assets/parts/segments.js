// A few choices side by side, one of them chosen.
import { html } from "../html.js";

export function Segments({ label, choices, value, onChange }) {
  return html`
    <div class="segments" role="group" aria-label=${label}>
      ${choices.map(
        ([name, text]) => html`<button
          type="button"
          aria-pressed=${String(name === value)}
          onClick=${() => onChange(name)}
        >${text}</button>`,
      )}
    </div>
  `;
}
