"use strict";
// The search box of the static site and of the desk: a list of results that the keyboard moves through.
// `find(text, limit)` promises {total, meant, stories: [{href, title, published, section, list}]}; null = nothing was asked.
const searchBox = (find) => {
  const STEP = 20;
  const WAIT = 80;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const box = document.getElementById("q");
  const list = document.getElementById("results");
  const said = document.getElementById("said");
  const more = document.getElementById("more");
  let active = -1;
  let limit = STEP;
  let timer = 0;
  let asked = 0;

  const make = (name, text, className) => {
    const element = document.createElement(name);
    element.textContent = text;
    element.dir = "auto";
    if (className) element.className = className;
    return element;
  };

  const day = (given) => {
    if (given === null) return "Undated";
    const date = new Date(given);
    return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  };

  const option = (story, place) => {
    const item = document.createElement("li");
    item.id = "result-" + place;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    const link = document.createElement("a");
    link.href = story.href;
    link.tabIndex = -1;
    const about = [day(story.published), story.section?.replaceAll("_", " "), story.list].filter(Boolean).join(" · ");
    link.append(make("span", story.title, "title"), " ", make("span", about, "meta"));
    item.append(link);
    return item;
  };

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

  const show = (found) => {
    const shown = found ? found.stories.length : 0;
    list.replaceChildren(...(found ? found.stories.map(option) : []));
    choose(-1);
    list.hidden = !shown;
    box.setAttribute("aria-expanded", String(shown > 0));
    more.hidden = !found || found.total <= shown;
    if (!found) return "";
    if (!shown) return "No story matches.";
    const total = found.total.toLocaleString("en");
    const meant = found.meant.length ? ` for “${found.meant.join(" ")}”` : "";
    const rest = found.total > shown ? `, the first ${shown} shown` : "";
    return `${total} ${found.total === 1 ? "story" : "stories"}${meant}${rest}`;
  };

  const run = async () => {
    clearTimeout(timer);
    timer = 0;
    const number = ++asked;
    try {
      const found = await find(box.value.trim(), limit);
      if (number === asked) said.textContent = show(found); // else a later question was asked
    } catch (error) {
      said.textContent = `The search does not work: ${error.message}.`;
    }
  };

  const anew = () => {
    limit = STEP;
    return run();
  };

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(anew, WAIT);
  });
  box.addEventListener("keydown", async (event) => {
    if (event.isComposing) return;
    const last = list.children.length - 1;
    if (event.key === "ArrowDown" && last >= 0) {
      event.preventDefault();
      choose(active < last ? active + 1 : 0);
    } else if (event.key === "ArrowUp" && last >= 0) {
      event.preventDefault();
      choose(active > 0 ? active - 1 : last);
    } else if (event.key === "Enter" && (active >= 0 || !box.form.hasAttribute("action"))) {
      event.preventDefault();
      if (active < 0) await anew(); // typed faster than the pause that is waited for
      list.children[Math.max(active, 0)]?.firstChild.click();
    } else if (event.key === "Escape") {
      event.preventDefault();
      box.value = "";
      anew();
    }
  });
  more.addEventListener("click", async () => {
    const from = limit;
    limit += STEP;
    await run();
    choose(from);
    if (more.hidden) box.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
  return anew;
};
