import { app } from "./app.js";
import { log } from "./log.js";
import { settings } from "./settings.js";

app.listen(settings.port, () => log.info({ port: settings.port }, "listening"));
