// A tag's similarities over the background images, and what share of them lies above one.
import { get } from "../api.js";

export const backgroundOf = (id) => get(`/v1/vocabulary/tags/${encodeURIComponent(id)}/background`);

// The share of the background at or above a similarity, from the counts; null without a background.
export function rateAt(seen, at) {
  const step = (seen.highest - seen.lowest) / seen.counts.length;
  let above = 0;
  seen.counts.forEach((n, i) => {
    const low = seen.lowest + i * step;
    above += n * Math.min(1, Math.max(0, (low + step - at) / step));
  });
  return seen.background_images ? above / seen.background_images : null;
}
