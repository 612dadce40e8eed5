"use strict";
// Search over all titles. The data come as a script on first use: a page opened from a disk may not fetch.
(() => {
  const STEP = 20;
  const WAIT = 80;
  const NAME = 26;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const box = document.getElementById("q");
  const list = document.getElementById("results");
  const said = document.getElementById("said");
  const more = document.getElementById("more");
  const section = document.getElementById("section");
  const state = document.getElementById("list");
  const root = document.body.dataset.root;

  let loading = null;
  let found = [];
  let limit = STEP;
  let timer = 0;

  // Accents, Arabic vowel signs, Hebrew points and joiners go; vowel signs of Hindi, Thai and the like are letters.
  const LEFT_OUT = /[\u00ad\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u200c-\u200f]+/gu;
  const plain = (text) =>
    " " + text.normalize("NFKD").replace(LEFT_OUT, "").toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, " ").trim();

  const load = () => {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = root + "search-data.js";
      script.onload = () => {
        const data = window.previewData;
        data.plain = data.titles.map(plain);
        resolve(data);
      };
      script.onerror = () => {
        loading = null;
        reject(new Error("search-data.js is missing"));
      };
      document.head.append(script);
    });
    return loading;
  };

  // Titles that hold every word; those where each begins a word first, the newest first among them.
  const search = (data, text, part, kind) => {
    const words = plain(text).trim().split(" ").filter(Boolean);
    if (!words.length && part === "" && kind === "") return [];
    const starts = words.map((word) => " " + word);
    const first = [];
    const rest = [];
    for (let row = 0; row < data.plain.length; row++) {
      if (part !== "" && data.section[row] !== Number(part)) continue;
      if (kind !== "" && data.list[row] !== kind) continue;
      const title = data.plain[row];
      if (starts.every((word) => title.includes(word))) first.push(row);
      else if (words.every((word) => title.includes(word))) rest.push(row);
    }
    return first.concat(rest);
  };

  const chosen = (select) => (select ? select.value : "");

  const label = (day) => {
    if (day === null) return "Undated";
    const date = new Date(day * 86400000);
    return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  };

  const make = (name, text, className) => {
    const element = document.createElement(name);
    element.textContent = text;
    element.dir = "auto";
    if (className) element.className = className;
    return element;
  };

  const option = (data, row, place) => {
    const item = document.createElement("li");
    item.id = "result-" + place;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    const link = document.createElement("a");
    link.href = `${root}stories/${data.names.slice(row * NAME, (row + 1) * NAME)}.html`;
    link.tabIndex = -1;
    link.append(make("span", data.titles[row], "title"), " ");
    const part = data.section[row] < 0 ? "" : " · " + data.sections[data.section[row]];
    link.append(make("span", label(data.day[row]) + part, "meta"));
    item.append(link);
    return item;
  };

  const show = (data) => {
    const rows = found.slice(0, limit);
    results.show(rows.map((row, place) => option(data, row, place)));
    const any = rows.length > 0;
    const asked = plain(box.value).trim() !== "" || chosen(section) !== "" || chosen(state) !== "";
    more.hidden = found.length <= limit;
    const total = found.length.toLocaleString("en");
    if (!asked) said.textContent = "";
    else if (!any) said.textContent = "No story matches.";
    else if (found.length > rows.length) said.textContent = `${total} stories, the first ${rows.length} shown`;
    else said.textContent = found.length === 1 ? "1 story" : `${total} stories`;
  };

  const run = async () => {
    clearTimeout(timer);
    timer = 0;
    try {
      const data = await load();
      limit = STEP;
      found = search(data, box.value, chosen(section), chosen(state));
      show(data);
    } catch (error) {
      said.textContent = `The search does not work: ${error.message}.`;
    }
  };

  const results = combobox(box, list, { run, enter: run });

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(run, WAIT);
  };

  box.addEventListener("focus", () => load().catch(() => {}), { once: true });
  box.addEventListener("input", later);
  for (const select of [section, state]) select?.addEventListener("change", run);
  more.addEventListener("click", async () => {
    const from = limit;
    limit += STEP;
    show(await load());
    results.choose(from);
    if (more.hidden) box.focus();
  });

  // A link to the panel opens it.
  const panel = document.getElementById("editor");
  const open = () => {
    if (panel && location.hash === "#editor") panel.open = true;
  };
  window.addEventListener("hashchange", open);
  open();
})();
