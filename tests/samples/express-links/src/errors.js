import { log } from "./log.js";

export function failed(error, request, response, next) {
  log.error(error);
  response.status(error.name === "ZodError" ? 400 : 500).json({ error: error.message });
}
