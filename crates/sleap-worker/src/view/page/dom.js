// Access to the page's elements, and numbers as texts.

export const $ = (id) => document.getElementById(id);

/** Sets an element's text; nothing known is a dash. */
export function text(id, words) {
  $(id).textContent = words ?? "–";
}

/** Sets a number for people, and as it is in `data-value`. */
export function count(id, number) {
  text(id, number?.toLocaleString("en"));
  $(id).dataset.value = number ?? "";
}

/** Microseconds as milliseconds. */
export const milliseconds = (us) => (us < 99950 ? `${(us / 1000).toFixed(1)} ms` : `${Math.round(us / 1000)} ms`);

/** A score as a text, 0 to 1: models may exceed that a little. */
export const score = (value) => (typeof value === "number" ? Math.min(1, Math.max(0, value)).toFixed(2) : "");

/** A button that stays pressed until the next click. */
export function toggle(id, change) {
  const button = $(id);
  button.addEventListener("click", () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", isOn);
    change(isOn);
  });
}

/** A list item with a colour; `parts` are [tag, text, class]. */
export function item(color, parts) {
  const line = document.createElement("li");
  line.style.setProperty("--color", color);
  line.append(...parts.map(([tag, words, kind]) => Object.assign(document.createElement(tag), { textContent: words ?? "", className: kind ?? "" })));
  return line;
}
