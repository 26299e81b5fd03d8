// Right, wrong, missing: what the reader says of a tag goes to the service at once.
// The same again takes it back.
import { call, post, Problem } from "../api.js";
import { t } from "../i18n.js";
import { toast, toastProblem } from "../parts/toast.js";
import { cards, change } from "./cards.js";

export async function judge(card, tag, verdict) {
  const before = card.verdicts[tag.id];
  if (before?.pending) return false; // its number is not known yet
  const put = (said) => {
    const { verdicts } = cards.get().find((one) => one.key === card.key) ?? card;
    change(card.key, { verdicts: { ...verdicts, [tag.id]: said } });
  };
  const back = before?.verdict === verdict;
  put({ verdict: back ? undefined : verdict, pending: true });
  try {
    if (back) {
      await call("DELETE", `/v1/feedback/${before.id}`);
      put(undefined);
      toast(t("feedback.back", { tag: tag.name }));
    } else {
      const id = await send({ sha256: card.result.sha256, tag: tag.id, verdict });
      put({ verdict, id });
      toast(t("feedback.thanks", { tag: tag.name }));
    }
    return true;
  } catch (error) {
    put(before);
    if (error.missing) toast(t("feedback.absent"));
    else toastProblem(error);
    return false;
  }
}

// Returns the number of the judgement, by which it can be taken back.
export async function send(judgement) {
  const { results } = await post("/v1/feedback", { judgements: [judgement] });
  const [result] = results;
  if (result.status === "error") throw new Problem(result.problem.status, result.problem);
  return result.id;
}
