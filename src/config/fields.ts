// Building blocks of the schema: texts with a quantity or an address, and objects with known keys.
// Owns the wording of violations. Values stay as written; compile.ts turns them into numbers.
// Invariant: a message names the place and the remedy, never the value, which may be a secret.
import { z } from 'zod';
import { whyNotShared } from '../core/commands/table.js';
import { AddressError, isClientSource, parseDataAddress, parseListenAddress } from './address.js';
import { meantSetting } from './meant.js';
import { parseAnyUrl } from './sentinel-url.js';
import {
  COUNT_RATE_PATTERN,
  DURATION_PATTERN,
  formatCountRate,
  formatDuration,
  formatSize,
  formatSizeRate,
  PERCENT_PATTERN,
  parseCountRate,
  parseDuration,
  parsePercent,
  parseSize,
  parseSizeRate,
  SIZE_PATTERN,
  SIZE_RATE_PATTERN,
  UnitError,
} from './units.js';
import { UpstreamUrlError } from './upstream-url.js';

/** An object in which an unknown key is an error that lists the known ones: one line for each unknown key, in their order. */
export function strict<S extends z.core.$ZodLooseShape>(shape: S) {
  const known = Object.keys(shape);
  const first = known.find((name) => !name.startsWith('$'));
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownSetting(key, known)).join('\n')
        : expected(issue, `an object such as { "${first}": … }`),
  });
}

function unknownSetting(key: string, known: readonly string[]): string {
  const meant = meantSetting(key, known);
  const hint = meant === undefined ? '' : `did you mean "${meant}"? `;
  return `is not a setting here; ${hint}the settings here are ${known.join(', ')}`;
}

/** `"24h"`: a duration from `min` to `max` milliseconds, both included. */
export function duration(min: number, max: number) {
  return z
    .string({
      error: (issue) => expected(issue, 'a duration in quotes with its unit, such as "30s" or "24h"'),
    })
    .check((context) => {
      const ms = quantity(context, parseDuration);
      if (ms === undefined || (ms >= min && ms <= max)) return;
      fail(context, `must be from ${formatDuration(min)} to ${formatDuration(max)}`);
    })
    .meta({ pattern: DURATION_PATTERN, $comment: `${formatDuration(min)} to ${formatDuration(max)}` });
}

/** `"64mb"` or a number of bytes, from `min` to `max` bytes, both included. */
export function size(min: number, max: number) {
  return z
    .union([z.string().meta({ pattern: SIZE_PATTERN }), z.int().meta({ minimum: 0 })], {
      error: (issue) => expected(issue, 'a size such as "64mb", or a whole number of bytes'),
    })
    .check((context) => {
      const bytes = quantity(context, parseSize);
      if (bytes === undefined || (bytes >= min && bytes <= max)) return;
      fail(context, `must be from ${formatSize(min)} to ${formatSize(max)}`);
    })
    .meta({ $comment: `${formatSize(min)} to ${formatSize(max)}` });
}

/** `"80%"`: at most `max`, a share of 1. */
export function percent(max = 1) {
  return z
    .string({ error: (issue) => expected(issue, 'a percentage in quotes, such as "80%"') })
    .check((context) => {
      const share = quantity(context, parsePercent);
      if (share !== undefined && share > max) fail(context, `must be at most ${max * 100}%`);
    })
    .meta({ pattern: PERCENT_PATTERN, $comment: `0% to ${max * 100}%` });
}

/** `"500/s"`: a whole number from 1 to `max`. */
export function countRate(max: number) {
  return z
    .string({ error: (issue) => expected(issue, 'a number a second in quotes, such as "500/s"') })
    .check((context) => {
      const rate = quantity(context, parseCountRate);
      if (rate === undefined || (rate >= 1 && rate <= max)) return;
      fail(context, `must be from ${formatCountRate(1)} to ${formatCountRate(max)}`);
    })
    .meta({ pattern: COUNT_RATE_PATTERN, $comment: `${formatCountRate(1)} to ${formatCountRate(max)}` });
}

/** `"5mb/s"`: from `min` to `max` bytes a second. */
export function sizeRate(min: number, max: number) {
  return z
    .string({ error: (issue) => expected(issue, 'a size a second in quotes, such as "5mb/s"') })
    .check((context) => {
      const rate = quantity(context, parseSizeRate);
      if (rate === undefined || (rate >= min && rate <= max)) return;
      fail(context, `must be from ${formatSizeRate(min)} to ${formatSizeRate(max)}`);
    })
    .meta({ pattern: SIZE_RATE_PATTERN, $comment: `${formatSizeRate(min)} to ${formatSizeRate(max)}` });
}

/** `"127.0.0.1:6380"`, see parseListenAddress. */
export function listenAddress() {
  return z
    .string({ error: (issue) => expected(issue, 'host:port in quotes, such as "127.0.0.1:6380"') })
    .check((context) => {
      quantity(context, parseListenAddress);
    });
}

/** `"127.0.0.1:6380"` or `"unix:/run/spillway.sock"`, see parseDataAddress. */
export function dataAddress() {
  return z
    .string({
      error: (issue) => expected(issue, 'host:port in quotes, such as "127.0.0.1:6380", or "unix:/path"'),
    })
    .check((context) => {
      quantity(context, parseDataAddress);
    });
}

/** A path of a file. It is not checked here. */
export function filePath() {
  return z.string({ error: (issue) => expected(issue, 'the path of a file, in quotes') }).check((context) => {
    if (context.value === '' || context.value.includes('\0')) fail(context, 'must be the path of a file');
  });
}

/** `"0660"`: who may use a unix socket. */
export function fileMode() {
  return z
    .string({ error: (issue) => expected(issue, 'a file mode in quotes, such as "0660"') })
    .check((context) => {
      if (!MODE.test(context.value))
        fail(context, 'must be a file mode of three octal digits, such as "0660"');
    })
    .meta({ pattern: MODE.source });
}

const MODE = /^0?[0-7]{3}$/;

/** `"10.0.0.0/8"`, an address, or `"unix"`. */
export function clientSource() {
  return z
    .string({ error: (issue) => expected(issue, 'an address or network in quotes, such as "10.0.0.0/8"') })
    .check((context) => {
      if (!isClientSource(context.value)) {
        fail(
          context,
          'must be an address, a network such as "10.0.0.0/8" or "fd00::/8", or "unix" (unix sockets)',
        );
      }
    });
}

/** `"redis://…"` or `"redis-sentinel://…"`, see parseAnyUrl. */
export function upstreamUrl() {
  return z
    .string({ error: (issue) => expected(issue, 'a URL in quotes, such as "redis://127.0.0.1:6379"') })
    .check((context) => {
      quantity(context, parseAnyUrl);
    });
}

/** `"JSON.GET"`: the name of a command that may go over shared connections. */
export function commandName() {
  return z
    .string({ error: (issue) => expected(issue, 'the name of a command in quotes, such as "JSON.GET"') })
    .check((context) => {
      if (!/^[!-~]{1,64}$/.test(context.value)) {
        fail(context, 'must be the name of a command: a word of up to 64 printable ASCII characters');
        return;
      }
      const why = whyNotShared(context.value.toLowerCase());
      if (why !== undefined) fail(context, `cannot be shared: this command ${why}`);
    });
}

/** A whole number from `min` to `max`. */
export function count(min: number, max: number) {
  const range = `a whole number from ${min} to ${max}`;
  return z
    .int({ error: `must be ${range}` })
    .min(min, `must be ${range}`)
    .max(max, `must be ${range}`);
}

/** One of a few words. */
export function oneOf<const W extends readonly [string, ...string[]]>(words: W) {
  const quoted = words.map((word) => `"${word}"`);
  const [last] = quoted.slice(-1);
  const others = quoted.slice(0, -1).join(', ');
  return z.enum(words, { error: `must be ${others === '' ? last : `${others} or ${last}`}` });
}

/** true or false, without quotes. */
export function flag() {
  return z.boolean({ error: 'must be true or false, without quotes' });
}

/** The parsed value, or undefined if it is invalid, which its own check reports. */
export function quietly<T, V>(value: V | undefined, parse: (value: V) => T): T | undefined {
  if (value === undefined) return undefined;
  try {
    return parse(value);
  } catch (error) {
    if (isFieldError(error)) return undefined;
    throw error;
  }
}

type Context<V> = z.core.ParsePayload<V>;

/** Reports a violation at `path` below the value under check. */
export function fail<V>(context: Context<V>, message: string, path: PropertyKey[] = []): void {
  context.issues.push({ code: 'custom', message, path, input: undefined, continue: true });
}

function quantity<T, V>(context: Context<V>, parse: (value: V) => T): T | undefined {
  try {
    return parse(context.value);
  } catch (error) {
    if (!isFieldError(error)) throw error;
    fail(context, error.message);
    return undefined;
  }
}

function isFieldError(error: unknown): error is Error {
  return error instanceof UnitError || error instanceof AddressError || error instanceof UpstreamUrlError;
}

/** The message for a setting that is missing or of the wrong type. */
export function expected(issue: { readonly input?: unknown }, what: string): string {
  return issue.input === undefined ? `is missing: give ${what}` : `must be ${what}`;
}
