import { LitElement, html } from "lit";
import { post } from "./api.js";

class SurveyForm extends LitElement {
  render() {
    return html`<button @click=${() => post({ score: 5 })}>Good</button>
      <button @click=${() => post({ score: 1 })}>Bad</button>`;
  }
}
customElements.define("survey-form", SurveyForm);
