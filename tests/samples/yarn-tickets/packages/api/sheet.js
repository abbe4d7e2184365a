const axios = require("axios");

async function tickets() {
  const answer = await axios.get(process.env.SHEET);
  return answer.data.values.map(([title, due]) => ({ title, due }));
}
module.exports = { tickets };
