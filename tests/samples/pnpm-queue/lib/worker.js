"use strict";
const { Worker } = require("bullmq");
const { call } = require("./call");
const { connection } = require("./redis");

const worker = () => new Worker("jobs", (job) => call(job.data), { connection: connection() });
module.exports = { worker };
