// A sentence at the lower edge that leaves by itself, and what can be done about it.
import { html } from "../html.js";
import { createStore, useStore } from "../store.js";
import { sayProblem } from "./problem.js";

const STAYS_MS = 5000;
const toasts = createStore([]);
let next = 0;

export function toast(text, action = null) {
  const id = (next += 1);
  toasts.set((shown) => [...shown.slice(-2), { id, text, action }]);
  setTimeout(() => toasts.set((shown) => shown.filter((one) => one.id !== id)), STAYS_MS);
}

export function toastProblem(error) {
  if (error.name === "AbortError") return;
  toast(sayProblem(error));
}

export function Toasts() {
  const shown = useStore(toasts);
  return html`
    <div class="toasts" role="status" aria-live="polite">
      ${shown.map(
        ({ id, text, action }) => html`<div class="toast" key=${id}>
          <span>${text}</span>
          ${action && html`<button type="button" onClick=${action.run}>${action.label}</button>`}
        </div>`,
      )}
    </div>
  `;
}
