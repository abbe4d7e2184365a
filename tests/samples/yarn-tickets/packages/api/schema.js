const { buildSchema } = require("graphql");

const schema = buildSchema(`
  type Ticket { title: String! due: String }
  type Query { tickets: [Ticket!]! }
`);
module.exports = { schema };
