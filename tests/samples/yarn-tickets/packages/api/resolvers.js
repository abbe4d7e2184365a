const { valid } = require("@tickets/shared");
const { tickets } = require("./sheet");

const resolvers = { tickets: async () => (await tickets()).filter(valid) };
module.exports = { resolvers };
