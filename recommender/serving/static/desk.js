"use strict";
// Results while words are typed, and ids while a story is named. Without it the forms do the same.
(() => {
  const WAIT = 80;
  let timer = 0;

  const ask = async (text, limit) => {
    const answer = await fetch(`/v1/stories?limit=${Math.min(limit, 200)}&q=${encodeURIComponent(text)}`);
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  };

  const listed = (story) => {
    const related = `${story.related} of ${story.k} related`;
    return { ok: "all related", filled: related, short: related }[story.status] ?? story.status.replace("_", " ");
  };

  searchBox(async (text, limit) => {
    if (!text) return null;
    const found = await ask(text, limit);
    const stories = found.stories.map((story) => ({
      href: "/desk/story?id=" + encodeURIComponent(story.id),
      title: story.title,
      published: story.published_at,
      section: story.section,
      list: [listed(story), story.warnings].filter(Boolean).join(", "),
    }));
    return { total: found.total, meant: found.meant, stories };
  });

  for (const field of document.querySelectorAll("[data-suggest]")) {
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const found = await ask(field.value, 8);
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
