const Koa = require("koa");
const bodyParser = require("koa-bodyparser");
const { router } = require("./router");

new Koa().use(bodyParser()).use(router.routes()).listen(4000);
