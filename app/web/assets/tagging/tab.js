// 打标: photos in, tags out.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { DropVeil, PickButton, useIncoming } from "../parts/dropzone.js";
import { Icon } from "../parts/icon.js";
import { useStore } from "../store.js";
import { Card } from "./card.js";
import { addFiles, cards as cardStore, cut as cutStore } from "./cards.js";
import { Samples } from "./samples.js";
import { Toolbar } from "./toolbar.js";

export function TaggingTab() {
  const cards = useStore(cardStore);
  const cut = useStore(cutStore);
  const over = useIncoming(addFiles);
  return html`
    <${DropVeil} shown=${over} />
    ${cards.length === 0
      ? html`<${Welcome} />`
      : html`
          <h1 class="heard">${t("tab.tag")}</h1>
          <${Toolbar} cards=${cards} />
          <ul class="cards">
            ${cards.map((card) => html`<${Card} key=${card.key} card=${card} cut=${cut} />`)}
          </ul>
        `}
  `;
}

// A finger has nothing to drag.
const byFinger = () => matchMedia("(pointer: coarse)").matches;

function Welcome() {
  const way = byFinger() ? "touch" : "mouse";
  return html`
    <section class="welcome">
      <div class="welcome-zone">
        <span class="welcome-mark"><${Icon} name="image" /></span>
        <h1>${t(`welcome.title.${way}`)}</h1>
        <p class="soft">${t(`welcome.how.${way}`)}</p>
        <${PickButton} main=${true} large=${true} onFiles=${addFiles} />
        <p class="faint">${t("welcome.private")}</p>
      </div>
      <${Samples} onFiles=${addFiles} />
    </section>
  `;
}
