// Which of an image's tags are shown at the precision the reader asks for.
//
// The service is asked once, for what every precision target from the lowest upwards would give,
// and for what it gives where nothing is asked ("auto"). Moving the slider only chooses again.

export const LOWEST = 0.05;
export const HIGHEST = 0.95;
const MISSES = 3;

export const OPTIONS = {
  top_k: 100,
  precision_target: LOWEST,
  precision_ranges: true,
  distinct: true,
  duplicates: true,
};

// `cut` is {auto, target}; a slider stands at whole percents.
export const shown = (result, cut) =>
  result.tags.filter((tag) => (cut.auto ? tag.usual : givenAt(tag, cut.target)));

const givenAt = (tag, target) => tag.precision_ranges.some(([low, high]) => low <= target && target <= high);

// The strictest target that still gives the tag; null where none does.
export const strictest = (tag) => tag.precision_ranges.at(-1)?.[1] ?? null;

// For an image with no tag: the nearest ones. Where a target is asked, those that keep the most of
// it; else those whose similarity lacks least.
export function misses(result, cut) {
  const passed = new Set(shown(result, cut));
  const near = [...result.tags, ...(result.nearest_misses ?? [])].filter((tag) => !passed.has(tag));
  const far = (tag) => (cut.auto ? lacking(tag) : -(strictest(tag) ?? 0));
  return near.sort((one, other) => far(one) - far(other)).slice(0, MISSES);
}

export const lacking = (tag) => Math.max(0, tag.usual_threshold - tag.similarity);
