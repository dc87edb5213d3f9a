// Buttons that copy: the command, and the list of clouds to label next.
import { report } from "./data.js";

const TEXTS = {
  command: () => document.getElementById("command-text").textContent,
  suggestions: () => report.suggestions.map((cloud) => cloud.name).join("\n"),
};

export function setUpCopying() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const label = button.textContent;
    button.addEventListener("click", async () => {
      const done = await copied(TEXTS[button.dataset.copy]());
      button.textContent = done ? "Copied" : "Press Ctrl+C to copy";
      setTimeout(() => (button.textContent = label), 2500);
    });
  }
}

// A page that was opened as a file may lack the clipboard: then the text is selected, for the reader to copy.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.body.appendChild(document.createElement("textarea"));
    field.value = text;
    field.className = "unseen";
    field.select();
    const done = document.execCommand("copy");
    if (done) field.remove();
    else field.addEventListener("blur", () => field.remove());
    return done;
  }
}
