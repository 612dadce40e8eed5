"use strict";
// a heading sorts its table: greatest first, then least first
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (body) => body.rows[0].cells[column];
      const order = (a, b) => {
        if (column === 0) return key(b).textContent.localeCompare(key(a).textContent);
        const [x, y] = [a, b].map((body) => Number(key(body).dataset.value ?? NaN));
        if (Number.isNaN(x) || Number.isNaN(y)) return (Number.isNaN(x) - Number.isNaN(y)) * (down ? 1 : -1);
        return y - x;
      };
      table.append(...[...table.tBodies].sort((a, b) => (down ? 1 : -1) * order(a, b)));
    });
  });
}
