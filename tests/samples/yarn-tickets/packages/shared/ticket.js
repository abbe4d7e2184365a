const Ajv = require("ajv");
const { mapValues } = require("lodash");

const fields = mapValues({ title: "string", due: "string" }, (type) => ({ type }));
const valid = new Ajv().compile({ type: "object", properties: fields, required: ["title"] });
module.exports = { valid };
