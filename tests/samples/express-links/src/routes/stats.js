import { Router } from "express";
import { clicks } from "../store.js";

export const stats = Router();

stats.get("/:code", async (request, response) => response.json(await clicks(request.params.code)));
