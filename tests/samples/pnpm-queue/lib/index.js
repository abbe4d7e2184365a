"use strict";
const { server } = require("./server");
const { worker } = require("./worker");

worker().on("failed", (job, error) => server.log.error(error));
server.listen({ port: 3000, host: "0.0.0.0" });
