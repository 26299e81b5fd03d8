// The pairs of image and tag whose judgement would teach most.
import { get } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { percent, t } from "../i18n.js";
import { Icon } from "../parts/icon.js";
import { ownPicture, StoredPicture } from "../parts/pictures.js";
import { ProblemNote } from "../parts/problem.js";
import { toast, toastProblem } from "../parts/toast.js";
import { send } from "../tagging/feedback.js";
import { Absent } from "./jobs.js";

const ASKED = 40;

// Nobody can judge a photo that is shown nowhere: one that was tagged by somebody else, not stored.
const seen = (pairs) => pairs.filter((pair) => pair.image_id || ownPicture(pair.sha256));

export function Review() {
  const [pairs, setPairs] = useState(null);
  const [error, setError] = useState(null);
  const look = () => get("/v1/quality/review", { limit: ASKED }).then((found) => setPairs(seen(found.items)), setError);
  useEffect(() => {
    look();
  }, []);
  if (error?.missing) return html`<${Absent} />`;
  if (error) return html`<${ProblemNote} error=${error} />`;
  if (!pairs) return html`<p class="row faint"><span class="spinner"></span></p>`;
  if (!pairs.length) {
    return html`<div class="empty"><${Icon} name="check" /><h2>${t("review.none")}</h2><p>${t("review.none.hint")}</p></div>`;
  }
  const say = async (pair, verdict) => {
    try {
      await send({ sha256: pair.sha256, tag: pair.tag.id, verdict });
      toast(t("feedback.thanks", { tag: pair.tag.name }));
      const left = pairs.filter((one) => one !== pair);
      setPairs(left);
      if (!left.length) look();
    } catch (failed) {
      toastProblem(failed);
    }
  };
  return html`
    <p class="soft review-how">${t("review.how")}</p>
    <ul class="found">
      ${pairs.map(
        (pair) => html`<li class="panel review" key=${`${pair.sha256}/${pair.tag.id}`}>
          <div class="review-picture"><${StoredPicture} id=${pair.image_id ?? pair.sha256} sha256=${pair.sha256} alt="" fit="contain" /></div>
          <p class="row"><strong class="grow clip">${t("review.ask", { tag: pair.tag.name })}</strong>
            <span class="number faint">${percent(pair.confidence)}</span></p>
          <div class="row">
            <button type="button" class="button small grow" onClick=${() => say(pair, "right")}>
              <${Icon} name="check" />${t("review.yes")}<span class="heard"> ${pair.tag.name}</span>
            </button>
            <button type="button" class="button small grow" onClick=${() => say(pair, "wrong")}>
              <${Icon} name="cross" />${t("review.no")}<span class="heard"> ${pair.tag.name}</span>
            </button>
          </div>
        </li>`,
      )}
    </ul>
  `;
}
