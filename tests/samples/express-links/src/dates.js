import { DateTime } from "luxon";

export const day = (date) => DateTime.fromJSDate(date).toISODate();
