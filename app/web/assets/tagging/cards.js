// The photos of this visit, each with what became of it. They outlive a change of tabs.
import { call, Problem, readTiming } from "../api.js";
import { createStore, remember, remembered } from "../store.js";
import { rememberPicture } from "../parts/pictures.js";
import { OPTIONS } from "./cut.js";

const AT_ONCE = 3;
const TRIES = 6;

export const cards = createStore([]);
export const cut = createStore(remembered("cut", { auto: true, target: 0.6 }));
export const keep = createStore(false); // also store each photo, so that it can be found

let next = 0;
let running = 0;

export function setCut(value) {
  remember("cut", value);
  cut.set(value);
}

export function addFiles(files) {
  const fresh = files.map((file) => ({
    key: (next += 1),
    file,
    name: file.name || "—",
    url: URL.createObjectURL(file),
    state: "waiting", // working, done, failed
    result: null,
    error: null,
    verdicts: {}, // tag id to {verdict, id of the judgement}
    missing: [], // names of tags the reader has added
    store: keep.get(),
  }));
  cards.set((before) => [...fresh, ...before]);
  for (let i = 0; i < AT_ONCE; i += 1) work();
}

export function change(key, part) {
  cards.set((all) => all.map((card) => (card.key === key ? { ...card, ...part } : card)));
}

export function drop(key) {
  // Its picture stays: a search may still show it.
  cards.set((all) => all.filter((card) => card.key !== key));
}

export const clear = () => cards.set([]);

export function again(key, part = {}) {
  change(key, { state: "waiting", error: null, ...part });
  work();
}

// One of the few hands that take photos from the queue, the earliest first.
async function work() {
  if (running >= AT_ONCE) return;
  running += 1;
  try {
    for (;;) {
      const waiting = cards.get().filter((one) => one.state === "waiting");
      if (!waiting.length) return;
      const card = waiting.reduce((first, one) => (one.key < first.key ? one : first));
      change(card.key, { state: "working" });
      await tagOne(card);
    }
  } finally {
    running -= 1;
  }
}

async function tagOne(card) {
  try {
    const { data, headers } = await asked(card);
    readTiming(headers);
    const result = data.results[0];
    if (result.status === "error") throw new Problem(result.problem.status, result.problem);
    rememberPicture(result.sha256, card.url);
    change(card.key, { state: "done", result, revision: data.vocabulary_revision, model: data.model });
  } catch (error) {
    change(card.key, { state: "failed", error });
  }
}

// A busy service says when to come back, and is taken at its word.
async function asked(card) {
  for (let tries = 1; ; tries += 1) {
    const form = new FormData();
    form.append("files", card.file, card.name);
    form.append("options", JSON.stringify({ ...OPTIONS, index: card.store }));
    try {
      return await call("POST", "/v1/tag", { body: form });
    } catch (error) {
      if (![429, 503].includes(error.status) || tries === TRIES) throw error;
      const wait = Math.min(error.body.retryAfter || 1, 10) * 1000 * (0.7 + 0.6 * Math.random());
      await new Promise((resume) => setTimeout(resume, wait));
    }
  }
}
