export interface Reading {
  at: Date;
  value: number;
}
