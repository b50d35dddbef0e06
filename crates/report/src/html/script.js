"use strict";
(() => {
  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  // Values of marks: under the pointer, and by the arrow keys, with one stop of the tab key per figure.
  const tip = make("div", { class: "tip", role: "status" });
  document.body.append(tip);
  const hide = () => {
    tip.textContent = "";
    document.querySelector(".marks .on")?.classList.remove("on");
  };
  const show = (mark) => {
    hide();
    mark.classList.add("on");
    tip.textContent = mark.dataset.words;
    const at = mark.getBoundingClientRect();
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const left = Math.max(8, Math.min(at.left + 14, room));
    const above = at.top - tip.offsetHeight - 6;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above < 4 ? at.bottom + 6 : above) + scrollY}px`;
  };
  for (const panels of document.querySelectorAll(".panels")) {
    const marks = [...panels.querySelectorAll(".marks circle")];
    if (marks.length === 0) continue;
    for (const mark of marks) {
      const title = mark.querySelector("title");
      mark.dataset.words = title.textContent;
      title.remove();
      mark.addEventListener("pointerenter", () => show(mark));
      mark.addEventListener("pointerleave", hide);
    }
    panels.tabIndex = 0;
    panels.setAttribute("role", "group");
    panels.setAttribute("aria-label", "Figure; the arrow keys go from value to value");
    let current = -1;
    panels.addEventListener("blur", hide);
    panels.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (step === undefined) return;
      event.preventDefault();
      current = (current + step + marks.length) % marks.length;
      marks[current].scrollIntoView({ block: "nearest" });
      show(marks[current]);
    });
  }

  // A link to what is folded unfolds it.
  const unfold = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    for (let node = id && document.getElementById(id); node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
  };
  addEventListener("hashchange", unfold);
  unfold();

  // Tables that sort by their headings and filter by their rows.
  const key = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.key ?? cell.textContent.trim();
  };
  for (const table of document.querySelectorAll("table[data-sort]")) {
    const headings = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const rows = [...body.rows];
    headings.forEach((heading, column) => {
      const button = make("button", { type: "button" }, ...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        const order = (a, b) => key(a, column).localeCompare(key(b, column), "en", { numeric: true });
        body.append(...[...rows].sort((a, b) => (down ? order(b, a) : order(a, b))));
      });
    });
    const count = make("output");
    const words = make("input", { type: "search" });
    const filters = [];
    const apply = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const fits = filters.every(([column, list]) => !list.value || row.cells[column].dataset.filter === list.value);
        row.hidden = !(fits && wanted.every((word) => text.includes(word)));
        shown += row.hidden ? 0 : 1;
      }
      count.textContent = `${shown} of ${rows.length}`;
    };
    const controls = make("form", { class: "controls", role: "search" });
    controls.addEventListener("submit", (event) => event.preventDefault());
    headings.forEach((heading, column) => {
      if (heading.dataset.filter === undefined) return;
      const list = make("select", {}, make("option", { value: "" }, "all"));
      for (const value of new Set(rows.map((row) => row.cells[column].dataset.filter))) list.append(make("option", { value }, value));
      list.addEventListener("change", apply);
      filters.push([column, list]);
      controls.append(make("label", {}, heading.dataset.filter, list));
    });
    words.addEventListener("input", apply);
    controls.append(make("label", {}, "with the words", words), count);
    table.before(controls);
    apply();
  }
})();
