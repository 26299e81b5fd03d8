// The drawings of the report. Each says in words what it shows, for those who cannot see it.
import { html } from "../html.js";
import { decimal, percent, t } from "../i18n.js";

const W = 360;
const H = 260;
const LEFT = 56;
const BOTTOM = 34;
const TOP = 12;
const RIGHT = 20;

const x = (share) => LEFT + share * (W - LEFT - RIGHT);
const y = (share) => H - BOTTOM - share * (H - BOTTOM - TOP);
const QUARTERS = [0, 0.25, 0.5, 0.75, 1];

// A square from 0 to 1 both ways, with its two axes named.
function Square({ label, across, up, children }) {
  return html`
    <svg class="chart" viewBox=${`0 0 ${W} ${H}`} role="img" aria-label=${label}>
      ${QUARTERS.map(
        (at) => html`<g key=${at}>
          <line class="grid" x1=${x(0)} x2=${x(1)} y1=${y(at)} y2=${y(at)} />
          <text x=${LEFT - 6} y=${y(at) + 4} text-anchor="end">${percent(at)}</text>
          <text x=${x(at)} y=${H - BOTTOM + 16} text-anchor="middle">${percent(at)}</text>
        </g>`,
      )}
      <text x=${x(0.5)} y=${H - 4} text-anchor="middle">${across}</text>
      <text transform=${`translate(10 ${y(0.5)}) rotate(-90)`} text-anchor="middle">${up}</text>
      ${children}
    </svg>
  `;
}

// Points are {promised, kept, count, low?, high?}: on the diagonal a confidence keeps its word.
export function Reliability({ points }) {
  const said = points.map((one) => `${percent(one.promised)} → ${percent(one.kept)}`).join("; ");
  return html`
    <${Square} label=${`${t("chart.reliability")}: ${said}`} across=${t("chart.promised")} up=${t("chart.kept")}>
      <line class="ideal" x1=${x(0)} y1=${y(0)} x2=${x(1)} y2=${y(1)} />
      <polyline class="curve" points=${points.map((one) => `${x(one.promised)},${y(one.kept)}`).join(" ")} />
      ${points.map(
        (one, i) => one.low !== undefined && html`<line key=${`l${i}`} class="curve" x1=${x(one.promised)} x2=${x(one.promised)} y1=${y(one.low)} y2=${y(one.high)} />`,
      )}
      ${points.map(
        (one, i) => html`<circle key=${i} class="point" cx=${x(one.promised)} cy=${y(one.kept)} r="4">
          <title>${percent(one.promised, 1)} → ${percent(one.kept, 1)} (${one.count})</title>
        </circle>`,
      )}
    <//>
  `;
}

// Curves are {name, points: [{recall, precision}]}, marks {recall, precision, name}.
export function PrecisionRecall({ curves = [], marks = [] }) {
  const label = `${t("chart.curves")}: ${marks.map((one) => `${one.name} ${percent(one.precision)} / ${percent(one.recall)}`).slice(0, 20).join("; ")}`;
  return html`
    <${Square} label=${label} across=${t("report.recall")} up=${t("report.precision")}>
      ${[0.25, 0.5, 0.75].map((f1) => html`<path key=${f1} class="iso" d=${isoF1(f1)}><title>F1 ${f1}</title></path>`)}
      ${curves.map(
        (curve) => html`<polyline key=${curve.name} class="curve" points=${curve.points.map((p) => `${x(p.recall)},${y(p.precision)}`).join(" ")} />`,
      )}
      ${marks.map(
        (one) => html`<circle key=${one.name} class="point faint-point" cx=${x(one.recall)} cy=${y(one.precision)} r="3.500">
          <title>${one.name}: ${percent(one.precision)} / ${percent(one.recall)}</title>
        </circle>`,
      )}
    <//>
  `;
}

// All points of one F1, where precision = f r / (2 r - f).
function isoF1(f1) {
  const points = [];
  for (let recall = f1 / 2 + 0.005; recall <= 1.0001; recall += 0.02) {
    const precision = (f1 * recall) / (2 * recall - f1);
    if (precision >= 0 && precision <= 1) points.push(`${x(recall).toFixed(1)} ${y(precision).toFixed(1)}`);
  }
  return points.length ? `M${points.join("L")}` : "";
}

// How many images get how many tags, or any other counts with whole numbers below.
export function Columns({ counts, label, across }) {
  const most = Math.max(...counts, 1);
  const step = (W - LEFT - RIGHT) / counts.length;
  return html`
    <svg class="chart" viewBox=${`0 0 ${W} ${H}`} role="img" aria-label=${`${label}: ${counts.join(", ")}`}>
      ${counts.map(
        (n, i) => html`<g key=${i}>
          <rect class="column" x=${LEFT + i * step + 1} width=${Math.max(1, step - 2)} y=${y(n / most)} height=${y(0) - y(n / most)} rx="2">
            <title>${i}: ${n}</title>
          </rect>
          ${counts.length <= 16 && html`<text x=${LEFT + (i + 0.5) * step} y=${H - BOTTOM + 16} text-anchor="middle">${i}</text>`}
        </g>`,
      )}
      <text x=${LEFT - 6} y=${y(1) + 4} text-anchor="end">${most}</text>
      <text x=${LEFT - 6} y=${y(0) + 4} text-anchor="end">0</text>
      <text x=${x(0.5)} y=${H - 4} text-anchor="middle">${across}</text>
    </svg>
  `;
}

const TALL = 220;
const WIDE = 900;

// A tag's similarities over the background; what lies right of the threshold would be hit.
export function Histogram({ seen, at, onMove }) {
  const span = seen.highest - seen.lowest;
  const most = Math.max(...seen.counts, 1);
  const step = WIDE / seen.counts.length;
  const place = ((at - seen.lowest) / span) * WIDE;
  const move = (event) => {
    if (event.buttons !== 1) return;
    const box = event.currentTarget.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    onMove(seen.lowest + share * span);
  };
  // A square root keeps the few images at the end visible beside the many in the middle.
  const height = (n) => Math.sqrt(n / most) * (TALL - 16);
  return html`
    <svg
      class="histogram"
      viewBox=${`0 0 ${WIDE} ${TALL}`}
      preserveAspectRatio="none"
      role="img"
      aria-label=${t("threshold.chart", { low: decimal(seen.lowest, 2), high: decimal(seen.highest, 2) })}
      onPointerDown=${(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        move(event);
      }}
      onPointerMove=${move}
    >
      ${seen.counts.map(
        (n, i) => html`<rect
          key=${i}
          class=${(i + 0.5) * step >= place ? "column hit" : "column miss"}
          x=${i * step + 0.5}
          width=${step - 1}
          y=${TALL - height(n)}
          height=${height(n)}
        />`,
      )}
      <line class="threshold" x1=${place} x2=${place} y1="0" y2=${TALL} vector-effect="non-scaling-stroke" />
    </svg>
  `;
}
