import { Router } from "express";
import { z } from "zod";
import { newCode } from "../codes.js";
import { find, insert } from "../store.js";

export const links = Router();

links.post("/links", async (request, response) => {
  const { url } = z.object({ url: z.string().url() }).parse(request.body);
  const code = newCode();
  await insert(code, url);
  response.status(201).json({ code });
});

links.get("/:code", async (request, response) => {
  const found = await find(request.params.code);
  if (found) response.redirect(found.url);
  else response.sendStatus(404);
});
