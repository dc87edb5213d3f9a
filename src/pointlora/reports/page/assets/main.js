// Puts the parts together, as far as the page has them.
import { report } from "./data.js";
import { onScheme } from "./colors.js";
import { createViewer } from "./viewer.js";
import { redrawThumbnails, thumbnailWhenSeen } from "./thumbnails.js";
import { listen, showCloud, showOther } from "./store.js";
import { setUpDetails, updateDetails } from "./details.js";
import { setUpExplanation, updateExplanation } from "./explanation.js";
import { setUpGallery, updateGallery } from "./gallery.js";
import { setUpMatrix, updateMatrix } from "./matrix.js";
import { setUpTables } from "./tables.js";
import { setUpCharts } from "./charts.js";
import { setUpMap, updateMap } from "./map.js";
import { setUpCopying } from "./copying.js";

setUpTables();
setUpCharts();
setUpMatrix();
setUpCopying();
for (const button of document.querySelectorAll("button[data-suggestion]")) {
  const cloud = report.suggestions[button.dataset.suggestion];
  thumbnailWhenSeen(button.firstElementChild, cloud);
  button.addEventListener("click", () => {
    if (!report.clouds.length) return;
    showOther(cloud);
    document.getElementById("viewer").scrollIntoView({ block: "center" });
  });
}
if (report.clouds.length) setUpClouds();
else onScheme(redrawThumbnails);
document.documentElement.dataset.ready = "true";

function setUpClouds() {
  const viewer = createViewer(document.getElementById("stage"));
  setUpDetails(viewer);
  setUpExplanation(viewer);
  setUpGallery();
  setUpMap();
  listen((state, before) => {
    updateGallery(state, before);
    updateDetails(viewer);
    updateExplanation();
    updateMatrix();
    updateMap();
  });
  onScheme((printing) => {
    redrawThumbnails(printing);
    updateDetails(viewer);
    updateExplanation();
    viewer.drawNow();
  });
  showCloud(0);
}
