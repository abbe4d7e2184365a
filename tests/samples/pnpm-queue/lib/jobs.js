"use strict";
const { Queue } = require("bullmq");
const { v4: uuid } = require("uuid");
const { connection } = require("./redis");

async function push(body) {
  const id = uuid();
  await new Queue("jobs", { connection: connection() }).add("call", body, { jobId: id });
  return id;
}
module.exports = { push };
