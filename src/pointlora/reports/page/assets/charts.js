// Learning curves tell their figures under the pointer, and under the arrow keys.

export function setUpCharts() {
  for (const figure of document.querySelectorAll("figure[data-readings]")) setUpReadings(figure);
}

function setUpReadings(figure) {
  const readings = JSON.parse(figure.dataset.readings);
  const names = JSON.parse(figure.dataset.names);
  const drawing = figure.querySelector("svg");
  const line = drawing.querySelector(".reading");
  const text = figure.querySelector(".reading-text");
  const summary = text.textContent;
  let at = null;

  function read(next) {
    at = next;
    const reading = readings[at];
    line.setAttribute("x1", reading.at);
    line.setAttribute("x2", reading.at);
    line.setAttribute("visibility", "visible");
    text.textContent = `Epoch ${reading.epoch}: ${names.map((name, number) => `${name} ${reading.values[number]}`).join(", ")}`;
  }

  function rest() {
    at = null;
    line.setAttribute("visibility", "hidden");
    text.textContent = summary;
  }

  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * drawing.viewBox.baseVal.width;
    let best = 0;
    readings.forEach((reading, number) => {
      if (Math.abs(reading.at - across) < Math.abs(readings[best].at - across)) best = number;
    });
    read(best);
  });
  drawing.addEventListener("pointerleave", rest);
  drawing.addEventListener("blur", rest);
  drawing.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    read(Math.min(Math.max((at ?? (by > 0 ? -1 : readings.length)) + by, 0), readings.length - 1));
  });
}
