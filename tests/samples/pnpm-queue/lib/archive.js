"use strict";
const { QueueClient } = require("@azure/storage-queue");

const archive = (address, job) => new QueueClient(address).sendMessage(JSON.stringify(job));
module.exports = { archive };
