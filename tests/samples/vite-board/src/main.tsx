import { render } from "preact";
import { Board } from "./board";
import { sample } from "./sample";
import "./style.css";

render(<Board readings={sample} />, document.getElementById("board")!);
