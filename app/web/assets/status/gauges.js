// The few figures one looks at first: how busy, how fast, how full.
import { html } from "../html.js";
import { count, decimal, percent, size, t } from "../i18n.js";
import { rate } from "./metrics.js";
import { spread, total } from "./prometheus.js";

const TAGGING = { route: "/v1/tag" };

export function Gauges({ looks }) {
  const now = looks.at(-1);
  const { families } = now;
  const before = looks.at(-2);
  const sum = (name, labels) => total(families, name, labels);
  const rates = (name) => looks.slice(1).map((look, i) => rate(look, looks[i], name) ?? 0);
  const seen = spread(families, "tuqian_request_seconds", TAGGING);
  const busy = rate(now, before, "tuqian_encoder_busy_seconds_total");
  const threads = sum("tuqian_encoder_threads") || 1;
  const [hits, misses] = [sum("tuqian_cache_hits_total"), sum("tuqian_cache_misses_total")];
  const asked = (hits ?? 0) + (misses ?? 0);
  const perSecond = (name) => {
    const found = rate(now, before, name);
    return found === null ? "—" : decimal(found, 1);
  };
  return html`
    <dl class="figures four">
      <${Gauge} name=${t("gauge.images")} value=${perSecond("tuqian_images_total")} line=${rates("tuqian_images_total")}
        note=${t("gauge.images.note", { n: count(sum("tuqian_images_total") ?? 0) })} />
      <${Gauge} name=${t("gauge.requests")} value=${perSecond("tuqian_requests_total")} line=${rates("tuqian_requests_total")}
        note=${t("gauge.requests.note", { n: count(sum("tuqian_problems_total") ?? 0) })} />
      <${Gauge} name=${t("gauge.latency")} value=${seen ? `${decimal(1000 * seen.p50, 0)} ms` : "—"}
        note=${seen ? `p95 ${decimal(1000 * seen.p95, 0)} ms` : t("running.none")} />
      <${Gauge} name=${t("gauge.queue")} value=${count(sum("tuqian_queue_images"))} line=${looks.map((look) => total(look.families, "tuqian_queue_images") ?? 0)}
        note=${t("gauge.queue.note", {
          n: count(sum("tuqian_images_in_progress", { priority: "interactive" })),
          most: count(sum("tuqian_images_capacity", { priority: "interactive" })),
        })} />
      <${Gauge} name=${t("gauge.encoder")} value=${busy === null ? "—" : percent(Math.min(1, busy / threads))}
        note=${t("gauge.encoder.note", { n: count(threads) })} />
      <${Gauge} name=${t("gauge.cache")} value=${asked ? percent(hits / asked) : "—"}
        note=${t("gauge.cache.note", { size: size(sum("tuqian_cache_bytes") ?? 0) })} />
      <${Gauge} name=${t("gauge.stored")} value=${count(sum("tuqian_index_entries", { index: "images" }))}
        note=${t("gauge.stored.note", { n: count(sum("tuqian_bank_images")) })} />
      <${Gauge} name=${t("gauge.memory")} value=${size(sum("process_resident_memory_bytes") ?? 0)}
        note=${t("gauge.memory.note", { size: size(sum("tuqian_disk_free_bytes") ?? 0) })} />
    </dl>
  `;
}

function Gauge({ name, value, note, line = null }) {
  return html`<div class="figure panel">
    <dt>${name}</dt>
    <dd class="number">${value}<small>${note}</small>${line && html`<${Spark} values=${line} />`}</dd>
  </div>`;
}

const WIDE = 120;
const TALL = 24;

// The last looks as a line; the figures beside it say the same in words.
function Spark({ values }) {
  const most = Math.max(...values, 1);
  const step = WIDE / Math.max(1, values.length - 1);
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${(TALL - 2 - (value / most) * (TALL - 4)).toFixed(1)}`);
  return html`<svg class="spark" viewBox=${`0 0 ${WIDE} ${TALL}`} preserveAspectRatio="none" aria-hidden="true">
    <polyline points=${points.join(" ")} vector-effect="non-scaling-stroke" />
  </svg>`;
}
