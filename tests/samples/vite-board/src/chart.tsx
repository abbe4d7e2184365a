import { extent } from "d3-array";
import { scaleLinear } from "d3-scale";
import type { Reading } from "./reading";

export function Chart({ readings }: { readings: Reading[] }) {
  const [low = 0, high = 1] = extent(readings, (reading) => reading.value);
  const y = scaleLinear([low, high], [100, 0]);
  const points = readings.map((reading, index) => `${index * 10},${y(reading.value)}`);
  return <svg viewBox="0 0 300 100"><polyline points={points.join(" ")} fill="none" stroke="#246" /></svg>;
}
