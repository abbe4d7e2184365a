const { isBefore, parseISO } = require("date-fns");

const overdue = (ticket, now) => Boolean(ticket.due) && isBefore(parseISO(ticket.due), now);
module.exports = { overdue };
