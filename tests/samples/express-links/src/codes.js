import { randomInt } from "node:crypto";
import lodash from "lodash";

export const newCode = () => lodash.times(6, () => "abcdefghijkmnpqrstuvwxyz23456789"[randomInt(32)]).join("");
