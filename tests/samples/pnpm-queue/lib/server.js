"use strict";
const fastify = require("fastify");
const { push } = require("./jobs");

const server = fastify({ logger: true });
server.register(require("@fastify/swagger"));
server.post("/jobs", async (request) => ({ id: await push(request.body) }));
module.exports = { server };
