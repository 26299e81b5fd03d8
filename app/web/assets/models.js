// What the service says of its model, asked once.
import { get } from "./api.js";
import { useEffect } from "./html.js";
import { createStore, useStore } from "./store.js";

const models = createStore(null);

export function useModels() {
  const known = useStore(models);
  useEffect(() => {
    if (!models.get()) get("/v1/models").then(models.set, () => {});
  }, []);
  return known;
}
