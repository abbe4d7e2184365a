import { Chart } from "./chart";
import { Summary } from "./summary";
import type { Reading } from "./reading";

export const Board = ({ readings }: { readings: Reading[] }) => (
  <>
    <Summary readings={readings} />
    <Chart readings={readings} />
  </>
);
