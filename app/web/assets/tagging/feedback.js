// Right, wrong, missing: what the reader says of a tag goes to the service at once.
import { post } from "../api.js";
import { t } from "../i18n.js";
import { toast, toastProblem } from "../parts/toast.js";
import { change } from "./cards.js";

export async function judge(card, tag, verdict) {
  const before = card.verdicts[tag.id];
  if (before === verdict) return false;
  const put = (said) => change(card.key, { verdicts: { ...card.verdicts, [tag.id]: said } });
  put(verdict);
  try {
    await post("/v1/feedback", {
      judgements: [{ sha256: card.result.sha256, tag: tag.id, verdict }],
    });
    toast(t("feedback.thanks", { tag: tag.name }));
    return true;
  } catch (error) {
    put(before);
    if (error.missing) toast(t("feedback.absent"));
    else toastProblem(error);
    return false;
  }
}
