import { BarController, BarElement, CategoryScale, Chart, LinearScale } from "chart.js";
import { scores } from "./api.js";

Chart.register(BarController, BarElement, CategoryScale, LinearScale);

class SurveyChart extends HTMLElement {
  async connectedCallback() {
    const canvas = this.appendChild(document.createElement("canvas"));
    const found = await scores();
    new Chart(canvas, { type: "bar", data: { labels: Object.keys(found), datasets: [{ data: Object.values(found) }] } });
  }
}
customElements.define("survey-chart", SurveyChart);
