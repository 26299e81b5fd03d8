// Which of an image's tags are shown at the precision the reader asks for.
//
// The service is asked once, for everything above a low confidence; moving the slider only
// chooses again among what it answered. What a target precision means is decided here alone.

export const ASKED_FROM = 0.02;

export const OPTIONS = {
  top_k: 100,
  min_confidence: ASKED_FROM,
  distinct: true,
  duplicates: true,
};

export const LOWEST = 0.05;
export const HIGHEST = 0.95;
const MISSES = 3;

const logit = (p) => Math.log(p / (1 - p));

// `cut` is {auto, target}; `usual` is the model's own confidence to cut at.
export const needed = (cut, usual) => (cut.auto ? usual : cut.target);

export function shown(result, cut, usual) {
  return result.tags.filter((tag) =>
    byHand(tag, cut) ? tag.similarity >= tag.manual_threshold : tag.confidence >= needed(cut, usual),
  );
}

// An operator's own threshold goes before the usual cut, not before one that is asked for.
const byHand = (tag, cut) => cut.auto && tag.manual_threshold !== undefined;

// For an image with no tag: the nearest ones, and the similarity each of them lacks.
export function misses(result, cut, usual) {
  const passed = new Set(shown(result, cut, usual));
  const near = [...result.tags, ...(result.nearest_misses ?? [])].filter((tag) => !passed.has(tag)).slice(0, MISSES);
  return near.map((tag) => {
    const threshold = thresholdOf(tag, cut, usual);
    return { ...tag, threshold, lacking: Math.max(0, threshold - tag.similarity) };
  });
}

// The similarity a tag needs at the cut: confidence is a logistic of the similarity, so two points
// of it, the tag itself and the threshold the service gave for `ASKED_FROM`, are the whole line.
export function thresholdOf(tag, cut, usual) {
  if (byHand(tag, cut)) return tag.manual_threshold;
  const from = logit(ASKED_FROM);
  const here = logit(Math.min(0.9999, Math.max(0.0001, tag.confidence)));
  if (Math.abs(here - from) < 0.05) return tag.threshold;
  const slope = (tag.similarity - tag.threshold) / (here - from);
  return tag.threshold + slope * (logit(needed(cut, usual)) - from);
}
