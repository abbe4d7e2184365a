import { z } from "zod";

export const settings = z
  .object({ port: z.coerce.number().default(3000), database: z.string().default("postgres://localhost/links") })
  .parse({ port: process.env.PORT, database: process.env.DATABASE_URL });
