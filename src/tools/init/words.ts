// Shares and sizes in the comments of a proposed config. Pure.

/** Says 100% only for all, and 0% only for none. */
export function percent(share: number): string {
  if (share > 0.995 && share < 1) return 'over 99%';
  if (share > 0 && share < 0.0005) return 'under 0.1%';
  return `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)}%`;
}
