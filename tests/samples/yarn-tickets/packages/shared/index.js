module.exports = { ...require("./ticket"), ...require("./dates") };
