const cron = require("node-cron");
const { remind } = require("./remind");

cron.schedule("0 8 * * *", remind);
