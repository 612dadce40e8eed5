"use strict";
// The search of the static site. The data come as a script on first use: a page opened from a disk may not fetch.
(() => {
  const SPELLINGS = 5;
  const root = document.body.dataset.root;
  const section = document.getElementById("section");
  const state = document.getElementById("list");
  let loading = null;

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
        data.plain = data.titles.map((title, row) => plain(title) + plain(data.ids[row]));
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

  // Rows that hold one of the spellings of every word; those where each begins a word first, the newest among them.
  const rowsOf = (data, words) => {
    const part = section?.value ?? "";
    const kind = state?.value ?? "";
    if (!words.length && part === "" && kind === "") return null;
    const first = [];
    const rest = [];
    for (let row = 0; row < data.plain.length; row++) {
      if (part !== "" && data.section[row] !== Number(part)) continue;
      if (kind !== "" && data.states[data.state[row]] !== kind) continue;
      const text = data.plain[row];
      if (words.every((some) => some.some((word) => text.includes(" " + word)))) first.push(row);
      else if (words.every((some) => some.some((word) => text.includes(word)))) rest.push(row);
    }
    return first.concat(rest);
  };

  // Edits from one word to another: letters added, left out, replaced, or two swapped; beyond `most` it does not matter.
  const edits = (a, b, most) => {
    if (Math.abs(a.length - b.length) > most) return most + 1;
    let [before, last] = [[], Array.from({ length: b.length + 1 }, (_, column) => column)];
    for (let i = 1; i <= a.length; i++) {
      const line = [i];
      for (let j = 1; j <= b.length; j++) {
        line[j] = Math.min(last[j] + 1, line[j - 1] + 1, last[j - 1] + (a[i - 1] !== b[j - 1]));
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) line[j] = Math.min(line[j], before[j - 2] + 1);
      }
      [before, last] = [last, line];
    }
    return last[b.length];
  };

  // Words of headlines that are spelled nearly as one that none has.
  const alike = (data, word) => {
    const most = word.length < 4 ? 0 : word.length < 8 ? 1 : 2;
    data.words ??= [...new Set(data.plain.join(" ").split(" "))];
    if (data.words.some((known) => known.includes(word))) return [word];
    return data.words
      .map((known) => [edits(word, known, most), known])
      .filter(([count]) => count <= most)
      .sort((a, b) => a[0] - b[0])
      .slice(0, SPELLINGS)
      .map(([, known]) => known);
  };

  const find = async (text, limit) => {
    const data = await load();
    const words = plain(text).trim().split(" ").filter(Boolean);
    let rows = rowsOf(data, words.map((word) => [word]));
    let meant = [];
    if (rows && !rows.length && words.length) {
      const spelled = words.map((word) => alike(data, word));
      rows = rowsOf(data, spelled);
      if (rows.length) meant = spelled.map(([word]) => word);
    }
    return rows && {
      total: rows.length,
      meant,
      stories: rows.slice(0, limit).map((row) => ({
        href: `${root}stories/${data.pages[row] ?? data.ids[row]}.html`,
        title: data.titles[row],
        published: data.day[row] === null ? null : data.day[row] * 86400000,
        section: data.sections[data.section[row]],
        list: data.lists[data.list[row]],
      })),
    };
  };

  const anew = searchBox(find);
  document.getElementById("q").addEventListener("focus", () => load().catch(() => {}), { once: true });
  for (const select of [section, state]) select?.addEventListener("change", anew);
})();
