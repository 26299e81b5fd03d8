// The text of /metrics as families: {name, type, help, samples: [{name, labels, value}]}.
const SUFFIXES = /_(bucket|sum|count|created)$/;
const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export function parse(text) {
  const families = new Map();
  const family = (name) => {
    if (!families.has(name)) families.set(name, { name, type: "untyped", help: "", samples: [] });
    return families.get(name);
  };
  for (const line of text.split("\n")) {
    const [, kind, named, rest = ""] = line.match(/^# (HELP|TYPE) (\S+) ?(.*)$/) ?? [];
    if (kind) {
      family(named)[kind.toLowerCase()] = rest;
      continue;
    }
    const [, name, inside = "", value] = line.match(LINE) ?? [];
    if (!name || line.startsWith("#")) continue;
    const owner = families.has(name) ? name : name.replace(SUFFIXES, "");
    const labels = {};
    for (const [, label, said] of inside.matchAll(LABEL)) labels[label] = said;
    family(families.has(owner) ? owner : name).samples.push({ name, labels, value: number(value) });
  }
  return families;
}

const number = (text) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));

// The sum of a family's values, of those whose labels are as asked.
export function total(families, name, wanted = {}) {
  const samples = families?.get(name)?.samples ?? [];
  const fitting = samples.filter(
    (one) => !/_(bucket|created)$/.test(one.name) && Object.entries(wanted).every(([label, value]) => one.labels[label] === value),
  );
  return fitting.length ? fitting.reduce((sum, one) => sum + one.value, 0) : null;
}

// {count, mean, p50, p95} of a histogram family, or null where nothing was observed.
export function spread(families, name, wanted = {}) {
  const samples = (families?.get(name)?.samples ?? []).filter((one) =>
    Object.entries(wanted).every(([label, value]) => one.labels[label] === value),
  );
  const add = (suffix) => samples.filter((one) => one.name === `${name}_${suffix}`).reduce((sum, one) => sum + one.value, 0);
  const count = add("count");
  if (!count) return null;
  const buckets = new Map();
  for (const one of samples) {
    if (one.name !== `${name}_bucket`) continue;
    const edge = number(one.labels.le);
    buckets.set(edge, (buckets.get(edge) ?? 0) + one.value);
  }
  const edges = [...buckets].sort(([a], [b]) => a - b);
  return { count, mean: add("sum") / count, p50: quantile(edges, 0.5), p95: quantile(edges, 0.95) };
}

// As Prometheus' histogram_quantile does it: a straight line within the bucket.
function quantile(edges, share) {
  if (!edges.length) return NaN;
  const rank = share * edges.at(-1)[1];
  let [low, below] = [0, 0];
  for (const [edge, until] of edges) {
    if (until >= rank) {
      return Number.isFinite(edge) ? low + ((edge - low) * (rank - below)) / Math.max(1e-12, until - below) : low;
    }
    [low, below] = [edge, until];
  }
  return low;
}
