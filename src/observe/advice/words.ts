// How the advice words figures and names. Pure.

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];
const SHOWN = 3;

/** `12.3 MB`. */
export function bytesText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${(bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}

/** `45 s`, `12 min`, `36 hours`, `29 days`. */
export function spanText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`;
}

/** The first three, and how many more there are; each once. */
export function some(all: readonly string[]): string {
  const names = [...new Set(all)];
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length <= SHOWN ? shown : `${shown} and ${names.length - SHOWN} more`;
}

export function percentText(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
