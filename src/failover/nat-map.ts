// Maps the addresses that the Sentinels name to the addresses that Spillway connects to. Pure.
import type { PrimaryAddress } from './whereabouts.js';
import { nameOf } from './whereabouts.js';

export type NatMap = Readonly<Record<string, string>>;

/** The address to connect to. An address that is not in the map stays unchanged. */
export function mapped(address: PrimaryAddress, map: NatMap): PrimaryAddress {
  const name = nameOf(address);
  const to = Object.hasOwn(map, name) ? map[name] : undefined;
  const match = to === undefined ? null : /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(to);
  return match === null ? address : { host: match[1] ?? (match[2] as string), port: Number(match[3]) };
}
