import { format } from "date-fns";

export const day = (date: Date): string => format(date, "d MMMM yyyy");
