"use strict";
// A search box with a list of results, for the static site and the desk: the keyboard moves through the list.
// `run` searches for what is typed; `enter` is called for Enter while nothing is chosen.
const combobox = (box, list, { run, enter }) => {
  let active = -1;

  const choose = (place) => {
    const items = list.children;
    if (items[active]) items[active].setAttribute("aria-selected", "false");
    active = place;
    if (active < 0) {
      box.removeAttribute("aria-activedescendant");
      return;
    }
    items[active].setAttribute("aria-selected", "true");
    items[active].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", items[active].id);
  };

  const show = (options) => {
    list.replaceChildren(...options);
    choose(-1);
    list.hidden = !options.length;
    box.setAttribute("aria-expanded", String(options.length > 0));
  };

  box.addEventListener("keydown", async (event) => {
    if (event.isComposing) return;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown" && last >= 0) {
      event.preventDefault();
      choose(active < last ? active + 1 : 0);
    } else if (event.key === "ArrowUp" && last >= 0) {
      event.preventDefault();
      choose(active > 0 ? active - 1 : last);
    } else if (event.key === "Enter" && (active >= 0 || enter)) {
      event.preventDefault();
      if (active < 0) await enter();
      list.children[Math.max(active, 0)]?.firstChild.click();
    } else if (event.key === "Escape") {
      event.preventDefault();
      box.value = "";
      run();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  return { choose, show };
};
