// Tables that a click on a column's head sorts, and rows that select clouds.
import { filterBy } from "./store.js";

export function setUpTables() {
  for (const table of document.querySelectorAll("table.sortable")) {
    table.tHead.addEventListener("click", (event) => {
      const head = event.target.closest("button")?.closest("th");
      if (head) sortBy(table, head);
    });
  }
  for (const button of document.querySelectorAll("button[data-class]")) {
    button.addEventListener("click", () => {
      filterBy({ true: button.dataset.class });
      document.getElementById("clouds").scrollIntoView({ block: "start" });
    });
  }
}

function sortBy(table, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const key = (row) => row.cells[head.cellIndex].dataset.sort ?? "";
  const rows = [...body.rows].sort((one, other) => compare(key(one), key(other), down ? -1 : 1));
  body.append(...rows);
}

// Numbers by size, others by their letters; what is missing stays last either way.
function compare(one, other, sign) {
  if (one === "" || other === "") return (one === "") - (other === "");
  const [a, b] = [Number(one), Number(other)];
  if (!Number.isNaN(a) && !Number.isNaN(b)) return sign * (a - b);
  return sign * one.localeCompare(other, undefined, { numeric: true });
}
