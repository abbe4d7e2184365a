import knex from "knex";
import { settings } from "./settings.js";

const database = knex({ client: "pg", connection: settings.database });

export const find = (code) => database("links").where({ code }).first();
export const insert = (code, url) => database("links").insert({ code, url });
export const clicks = (code) => database("clicks").where({ code }).count();
