const Router = require("@koa/router");
const { graphql } = require("graphql");
const { resolvers } = require("./resolvers");
const { schema } = require("./schema");

const router = new Router();
router.post("/graphql", async (context) => {
  context.body = await graphql({ schema, source: context.request.body.query, rootValue: resolvers });
});
module.exports = { router };
