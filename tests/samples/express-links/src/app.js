import express from "express";
import helmet from "helmet";
import { failed } from "./errors.js";
import { links } from "./routes/links.js";
import { stats } from "./routes/stats.js";

export const app = express();
app.use(helmet());
app.use(express.json());
app.use("/stats", stats);
app.use("/", links);
app.use(failed);
