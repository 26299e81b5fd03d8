// A value that several parts of the page look at.
import { useEffect, useState } from "./html.js";

export function createStore(initial) {
  let value = initial;
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      value = typeof next === "function" ? next(value) : next;
      for (const listener of [...listeners]) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore(store) {
  const [value, setValue] = useState(store.get());
  useEffect(() => {
    setValue(store.get()); // it may have changed between the first drawing and now
    return store.subscribe(setValue);
  }, [store]);
  return value;
}

// What the browser remembers between visits; it may be forbidden to remember anything.
export function remembered(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`tuqian.${name}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`tuqian.${name}`, JSON.stringify(value));
  } catch {
    // the page works without
  }
}
