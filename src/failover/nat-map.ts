// Addresses as the Sentinels say them, to addresses as Spillway connects. Pure.
import type { PrimaryAddress } from './whereabouts.js';
import { nameOf } from './whereabouts.js';

export type NatMap = Readonly<Record<string, string>>;

/** The address to connect to. An address that the map does not name stays as it is. */
export function mapped(address: PrimaryAddress, map: NatMap): PrimaryAddress {
  const name = nameOf(address);
  const to = Object.hasOwn(map, name) ? map[name] : undefined;
  const match = to === undefined ? null : /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(to);
  return match === null ? address : { host: match[1] ?? (match[2] as string), port: Number(match[3]) };
}
