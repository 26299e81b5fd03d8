// Photos into the collection, one request each, a few at a time.
import { call, Problem } from "../api.js";
import { html, useState } from "../html.js";
import { t } from "../i18n.js";
import { PickButton } from "../parts/dropzone.js";
import { rememberPicture } from "../parts/pictures.js";
import { toast, toastProblem } from "../parts/toast.js";
import { createStore } from "../store.js";

const AT_ONCE = 2;

// Goes up whenever the collection has changed, so that others look again.
export const collectionChanges = createStore(0);

export const collectionChanged = () => collectionChanges.set((n) => n + 1);

async function store(file) {
  const form = new FormData();
  form.append("files", file, file.name);
  form.append("images", JSON.stringify([{ source: file.name.slice(0, 500) }]));
  const { data } = await call("POST", "/v1/images", { body: form });
  const [result] = data.results;
  if (result.status === "error") throw new Problem(result.problem.status, result.problem);
  rememberPicture(result.sha256, URL.createObjectURL(file));
  return result.state;
}

export function Adder() {
  const [left, setLeft] = useState(0);
  const add = async (files) => {
    const waiting = [...files];
    const states = [];
    setLeft(waiting.length);
    const hand = async () => {
      for (let file = waiting.shift(); file; file = waiting.shift()) {
        try {
          states.push(await store(file));
        } catch (error) {
          toastProblem(error);
        }
        setLeft((n) => n - 1);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, hand));
    collectionChanged();
    const fresh = states.filter((state) => state === "added").length;
    if (states.length) toast(t("adder.done", { n: fresh, known: states.length - fresh }));
  };
  if (left > 0) {
    return html`<span class="row faint" role="status"><span class="spinner"></span>${t("adder.left", { n: left })}</span>`;
  }
  return html`<${PickButton} label=${t("adder.pick")} onFiles=${add} />`;
}
