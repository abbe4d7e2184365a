const { createTransport } = require("nodemailer");
const { overdue } = require("@tickets/shared");

async function remind(tickets = []) {
  const late = tickets.filter((ticket) => overdue(ticket, new Date()));
  if (late.length) await createTransport(process.env.MAIL).sendMail({ subject: `${late.length} tickets are late` });
}
module.exports = { remind };
