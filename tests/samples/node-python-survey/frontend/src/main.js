import "./survey-form.js";
import "./survey-chart.js";
