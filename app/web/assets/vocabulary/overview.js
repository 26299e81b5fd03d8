// How many tags there are, in which categories, at which revision.
import { get } from "../api.js";
import { createStore } from "../store.js";

export const overview = createStore(null);

export const lookAgain = () => get("/v1/vocabulary").then(overview.set, () => {});
