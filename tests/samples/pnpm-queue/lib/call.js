"use strict";
const { lastValueFrom, from, retry } = require("rxjs");
const { request } = require("undici");

const call = ({ url }) => lastValueFrom(from(request(url)).pipe(retry(3)));
module.exports = { call };
