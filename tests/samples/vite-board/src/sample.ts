import type { Reading } from "./reading";

export const sample: Reading[] = [3, 5, 4, 8, 7].map((value, index) => ({ at: new Date(2024, 0, index + 1), value }));
