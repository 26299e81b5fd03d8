// Before the first paint, so that a dark room does not see a white flash.
(() => {
  try {
    const kept = localStorage.getItem("tuqian.theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch {
    // a browser that remembers nothing follows the system
  }
})();
