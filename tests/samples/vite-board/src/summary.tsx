import { mean } from "d3-array";
import { day } from "./dates";
import type { Reading } from "./reading";

export const Summary = ({ readings }: { readings: Reading[] }) => (
  <p>
    {readings.length} readings since {day(readings[0].at)}, mean {mean(readings, (r) => r.value)?.toFixed(1)}
  </p>
);
