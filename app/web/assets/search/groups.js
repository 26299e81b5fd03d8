// Images that are one picture: which to keep, and the others out in one go.
import { get, remove } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { decimal, size, t, when } from "../i18n.js";
import { Confirm } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { StoredPicture } from "../parts/pictures.js";
import { ProblemNote } from "../parts/problem.js";
import { toast, toastProblem } from "../parts/toast.js";
import { useStore } from "../store.js";
import { collectionChanged, collectionChanges } from "./adder.js";
import { imagePath } from "./image.js";

const PAGE = 20;
const PAGES_AT_ONCE = 20; // a page may be empty although more follow

const membersOf = (group) => group.members.map((member) => member.image);

export function Groups() {
  const changes = useStore(collectionChanges);
  const [groups, setGroups] = useState(null);
  const [next, setNext] = useState(null);
  const [error, setError] = useState(null);
  const [chosen, setChosen] = useState(new Set());
  const [asking, setAsking] = useState(false);
  const [left, setLeft] = useState(0);

  const read = async (cursor) => {
    try {
      const found = [];
      let at = cursor;
      for (let pages = 0; pages < PAGES_AT_ONCE; pages += 1) {
        const page = await get("/v1/images/duplicates", { limit: PAGE, cursor: at });
        found.push(...page.items);
        at = page.next ?? null;
        if (at === null || found.length >= PAGE) break;
      }
      setNext(at);
      setGroups((before) => (cursor ? [...before, ...found] : found));
      const spare = found.flatMap((group) => membersOf(group).map((one) => one.id).filter((id) => id !== group.keep));
      setChosen((before) => new Set([...(cursor ? before : []), ...spare]));
    } catch (failed) {
      setError(failed);
    }
  };
  useEffect(() => {
    read(null);
  }, [changes]);

  const turn = (id) =>
    setChosen((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  const erase = async () => {
    const gone = [...chosen];
    setLeft(gone.length);
    let done = 0;
    for (const id of gone) {
      try {
        await remove(imagePath(id));
        done += 1;
      } catch (failed) {
        toastProblem(failed);
      }
      setLeft((n) => n - 1);
    }
    setAsking(false);
    toast(t("groups.deleted", { n: done }));
    collectionChanged();
  };
  const whole = (groups ?? []).filter((group) => membersOf(group).every((one) => chosen.has(one.id))).length;
  if (error) return html`<${ProblemNote} error=${error} />`;
  if (!groups) return html`<p class="row faint"><span class="spinner"></span>${t("groups.busy")}</p>`;
  if (!groups.length) {
    return html`<div class="empty"><${Icon} name="pair" /><h2>${t("groups.none")}</h2><p>${t("groups.none.hint")}</p></div>`;
  }
  return html`
    <div class="groups-bar panel">
      <span class="number">${t("groups.sum", { n: groups.length, spare: chosen.size })}</span>
      <span class="push"></span>
      <button type="button" class="button danger" disabled=${!chosen.size} onClick=${() => setAsking(true)}>
        <${Icon} name="trash" />${t("groups.delete", { n: chosen.size })}
      </button>
    </div>
    <ul class="stack">
      ${groups.map((group) => html`<${Group} key=${group.keep} group=${group} chosen=${chosen} onTurn=${turn} />`)}
    </ul>
    ${next && html`<p class="more"><button type="button" class="button" onClick=${() => read(next)}>${t("more")}</button></p>`}
    ${asking &&
    html`<${Confirm}
      title=${t("groups.ask", { n: chosen.size })}
      action=${left ? t("groups.left", { n: left }) : t("delete")}
      danger=${true}
      busy=${left > 0}
      onYes=${erase}
      onNo=${() => setAsking(false)}
    >
      <p class="soft">${t("image.delete.what")}</p>
      ${whole > 0 && html`<div class="notice warn"><${Icon} name="alert" />${t("groups.whole", { n: whole })}</div>`}
    <//>`}
  `;
}

function Group({ group, chosen, onTurn }) {
  return html`
    <li class="group panel">
      <p class="row group-reason"><${Icon} name="keep" />${t("groups.keep")} <span class="soft">${group.reason}</span></p>
      <ul class="group-members">
        ${group.members.map(
          (member) => html`<${Member}
            key=${member.image.id}
            member=${member}
            keep=${member.image.id === group.keep}
            chosen=${chosen.has(member.image.id)}
            onTurn=${() => onTurn(member.image.id)}
          />`,
        )}
      </ul>
    </li>
  `;
}

function Member({ member, keep, chosen, onTurn }) {
  const { image, tier, similarity } = member;
  const name = image.source || image.id;
  return html`
    <li>
      <label class=${chosen ? "member leaving" : "member"}>
        <span class="member-picture">
          <${StoredPicture} id=${image.id} sha256=${image.sha256} alt="" />
          ${keep && html`<span class="badge on-picture accent">${t("groups.keeper")}</span>`}
        </span>
        <span class="row">
          <input type="checkbox" class="check" checked=${chosen} aria-label=${t("groups.choose", { name })} onChange=${onTurn} />
          <span class="clip">${name}</span>
        </span>
        <span class="faint number">${image.width} × ${image.height} · ${size(image.bytes)}</span>
        <span class="faint number">
          ${tier ? `${t(`tier.${tier}`)} ${decimal(similarity, 3)}` : t("groups.first")} · ${when(image.created_at)}
        </span>
      </label>
    </li>
  `;
}
