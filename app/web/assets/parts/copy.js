// Text to the clipboard, or to a file; the clipboard is closed to pages without https.
import { t } from "../i18n.js";
import { toast } from "./toast.js";

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyTheOldWay(text);
  }
  toast(t("copied"));
}

function copyTheOldWay(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "heard";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function download(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
