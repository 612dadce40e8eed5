"use strict";
// Results while words are typed, and ids while a story is named. Without it the forms do the same.
(() => {
  const WAIT = 80;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const box = document.getElementById("q");
  const list = document.getElementById("results");
  const said = document.getElementById("said");
  let timer = 0;
  let asked = 0;

  const find = async (text, limit) => {
    const answer = await fetch(`/v1/stories?limit=${limit}&q=${encodeURIComponent(text)}`);
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  };

  const make = (name, text, className) => {
    const element = document.createElement(name);
    element.textContent = text;
    element.dir = "auto";
    if (className) element.className = className;
    return element;
  };

  const day = (text) => {
    if (!text) return "Undated";
    const date = new Date(text);
    return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  };

  const option = (story, place) => {
    const item = document.createElement("li");
    item.id = "result-" + place;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    const link = document.createElement("a");
    link.href = "/desk/story?id=" + encodeURIComponent(story.id);
    link.tabIndex = -1;
    const part = story.section ? " · " + story.section : "";
    link.append(make("span", story.title, "title"), " ", make("span", day(story.published_at) + part, "meta"));
    item.append(link);
    return item;
  };

  const show = (stories, text) => {
    results.show(stories.map(option));
    said.textContent = text;
  };

  const run = async () => {
    const number = ++asked;
    const text = box.value.trim();
    if (!text) return show([], "");
    try {
      const found = await find(text, 8);
      if (number !== asked) return undefined; // a later question was asked
      const meant = found.meant.length ? ` for “${found.meant.join(" ")}”` : "";
      const total = found.total.toLocaleString("en");
      return show(found.stories, found.total ? `${total} ${found.total === 1 ? "story" : "stories"}${meant}` : "No story matches.");
    } catch (error) {
      return show([], `The search does not work: ${error.message}.`);
    }
  };

  const results = box && combobox(box, list, { run });
  if (box) {
    box.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(run, WAIT);
    });
  }

  for (const field of document.querySelectorAll("[data-suggest]")) {
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const found = await find(field.value, 8);
        const options = found.stories.map((story) => {
          const option = document.createElement("option");
          option.value = story.id;
          option.textContent = story.title;
          return option;
        });
        field.list.replaceChildren(...options);
      }, WAIT);
    });
  }
})();
