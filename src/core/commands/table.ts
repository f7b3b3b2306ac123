// The command table: finds the CommandSpec for the bytes of a name. Immutable; a new server gets a new table.
// It is an open-addressing hash table over lower-cased bytes, so that no command allocates a string.
// Invariants: capacity is a power of two and at least twice the number of commands.
import { pinOf, UNDECLARABLE } from './pin.js';
import {
  Carry,
  type CommandSpec,
  ConnectionRole,
  type KeyPositions,
  type PinReason,
  ScriptCall,
  Sharing,
  Sizing,
  TtlChange,
  TtlTreatment,
} from './spec.js';
import { GENERATED_COMMANDS } from './table.generated.js';
import {
  CARRIES,
  CONNECTION_ROLES,
  FREEING,
  IF_MISSING,
  LASTING,
  MOVERS,
  NO_KEYS,
  RELIEFS,
  REPLACING,
  REPLICATED,
  SCRIPT_CALLS,
  SCRIPTS,
  SIZINGS,
  TTL_CHANGES,
  TTL_TREATMENTS,
  VALKEY_ONLY,
  WRITTEN_KEYS,
} from './treatment.js';

/** A command as described by a server's COMMAND. */
export interface CommandFacts {
  /** Lower case. */
  readonly name: string;
  readonly arity: number;
  readonly flags: ReadonlySet<string>;
  /** The keys that it writes, if the source says so. */
  readonly keys: KeyPositions;
}

/** Servers before 7.0 do not report that these block. */
const BLOCKING: ReadonlySet<string> = new Set(
  GENERATED_COMMANDS.filter(([, , flags]) => flags.split(' ').includes('blocking')).map(([name]) => name),
);
/** The names that Spillway knows without a server. */
const KNOWN: ReadonlySet<string> = new Set([...GENERATED_COMMANDS.map(([name]) => name), ...VALKEY_ONLY]);

/** Ids outlive tables, because counters are indexed by them, and a new server gets a new table. */
const idsByName = new Map<string, number>();

function idOf(name: string): number {
  let id = idsByName.get(name);
  if (id === undefined) {
    id = idsByName.size;
    idsByName.set(name, id);
  }
  return id;
}

/**
 * Combines a server's facts about a command with Spillway's own by name. `declared`: the operator has declared it free of
 * connection state.
 */
export function specify(facts: CommandFacts, declared = false): CommandSpec {
  const { name, arity, flags } = facts;
  const denyOom = flags.has('denyoom');
  const keys = WRITTEN_KEYS.get(name) ?? facts.keys;
  const known = TTL_TREATMENTS.get(name);
  const ttl = known ?? (flags.has('write') && denyOom ? TtlTreatment.CREATES : TtlTreatment.NONE);
  // A container such as XGROUP has the flags at its subcommands.
  const write = flags.has('write') || ttl !== TtlTreatment.NONE;
  const role = CONNECTION_ROLES.get(name) ?? ConnectionRole.NONE;
  const blocking = flags.has('blocking') || BLOCKING.has(name);
  const pin = declared ? undeclarable(name, role, blocking) : pinned(name, role, blocking);
  return {
    name,
    id: idOf(name),
    arity,
    write,
    // This is the only flag that says what a module's command does.
    pausable: write || REPLICATED.has(name) || !(KNOWN.has(name) || flags.has('readonly')),
    denyOom,
    blocking,
    mover: MOVERS.has(name),
    keys,
    soleKey: ttl === TtlTreatment.MSETEX ? 0 : soleKeyOf(keys),
    ttl,
    replaces: REPLACING.has(name),
    ifMissing: IF_MISSING.has(name),
    sizing: SIZINGS.get(name) ?? Sizing.UNKNOWN,
    carry: CARRIES.get(name) ?? Carry.NONE,
    ttlChange: TTL_CHANGES.get(name) ?? TtlChange.NONE,
    governed: write && (denyOom || ttl !== TtlTreatment.NONE) && (keys.first > 0 || keys.keywords.length > 0),
    role,
    script: SCRIPT_CALLS.get(name) ?? ScriptCall.NONE,
    opaque: SCRIPTS.has(name) || name === 'debug' || !KNOWN.has(name),
    relief: RELIEFS.get(name),
    frees: FREEING.has(name),
    eases: RELIEFS.has(name) || FREEING.has(name) || role === ConnectionRole.EXEC,
    sharing: pin === undefined ? Sharing.SHARED : isLasting(name, pin) ? Sharing.LASTING : Sharing.OWN,
    pin,
  };
}

function soleKeyOf({ first, last, keywords, verbs }: KeyPositions): number {
  return first === last && keywords.length === 0 && verbs === undefined ? first : 0;
}

/** A command that only the live server knows, such as a module's: it may change its connection in any way. */
function pinned(name: string, role: ConnectionRole, blocking: boolean): PinReason | undefined {
  return KNOWN.has(name) ? pinOf(name, role, blocking) : 'unknown-command';
}

/** Why a declared command still cannot be shared: the server may say that it blocks. */
function undeclarable(name: string, role: ConnectionRole, blocking: boolean): PinReason | undefined {
  const pin = pinOf(name, role, blocking);
  return pin === undefined || UNDECLARABLE[pin] === undefined ? undefined : pin;
}

/** Why the command of this name (lower case) cannot be declared free of connection state; undefined: it can. */
export function whyNotShared(name: string): string | undefined {
  const pin = undeclarable(name, CONNECTION_ROLES.get(name) ?? ConnectionRole.NONE, BLOCKING.has(name));
  return pin && UNDECLARABLE[pin];
}

function isLasting(name: string, pin: PinReason): boolean {
  return LASTING.has(name) || pin === 'unknown-command';
}

export class CommandTable {
  private readonly slots: (CommandSpec | undefined)[];
  private readonly mask: number;
  readonly size: number;

  /** Later specs replace earlier ones of the same name. `declared`: names that are free of connection state. */
  constructor(
    specs: Iterable<CommandSpec>,
    private readonly declared: ReadonlySet<string> = new Set(),
  ) {
    const byName = new Map<string, CommandSpec>();
    for (const spec of specs) byName.set(spec.name, spec);
    let capacity = 16;
    while (capacity < byName.size * 2) capacity *= 2;
    this.mask = capacity - 1;
    this.size = byName.size;
    this.slots = new Array<CommandSpec | undefined>(capacity).fill(undefined);
    for (const spec of byName.values()) {
      const bytes = Buffer.from(spec.name, 'latin1');
      let i = hashName(bytes, 0, bytes.length) & this.mask;
      while (this.slots[i] !== undefined) i = (i + 1) & this.mask;
      this.slots[i] = spec;
    }
  }

  /** The command named by buf[start, end) in any case, or undefined. */
  find(buf: Uint8Array, start: number, end: number): CommandSpec | undefined {
    let i = hashName(buf, start, end) & this.mask;
    for (;;) {
      const spec = this.slots[i];
      if (spec === undefined || namesMatch(spec.name, buf, start, end)) return spec;
      i = (i + 1) & this.mask;
    }
  }

  /** A new table in which a live server's facts replace those of this one. */
  overlaidBy(facts: Iterable<CommandFacts>): CommandTable {
    const known = this.slots.filter((spec) => spec !== undefined);
    const { declared } = this;
    const live = Array.from(facts, (each) => specify(each, declared.has(each.name)));
    return new CommandTable([...known, ...live], declared);
  }
}

/** PROXY, which Spillway answers itself. If the server has a command of this name, the server's is used. */
const CONSOLE: CommandSpec = {
  ...specify({ name: 'proxy', arity: -1, flags: new Set(), keys: NO_KEYS }, true),
  role: ConnectionRole.CONSOLE,
};

/**
 * The table before a server has been asked. `declared`: names (lower case) that the operator has declared free of connection
 * state, even if no table has them. `console`: whether Spillway answers PROXY.
 */
export function defaultCommandTable(declared: readonly string[] = [], console = false): CommandTable {
  const names = new Set(declared);
  const foreign = declared
    .filter((name) => !KNOWN.has(name))
    .map((name) => specify({ name, arity: -1, flags: new Set(), keys: NO_KEYS }, true));
  const known = GENERATED_COMMANDS.map(([name, arity, flags, first, last, step]) =>
    specify(
      {
        name,
        arity,
        flags: new Set(flags.split(' ')),
        keys: first === 0 ? NO_KEYS : { first, last, step, keywords: [] },
      },
      names.has(name),
    ),
  );
  return new CommandTable([...known, ...foreign, ...(console ? [CONSOLE] : [])], names);
}

/** FNV-1a over lower-cased bytes; a name is short, so every byte counts. */
function hashName(buf: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ lower(buf[i]), 0x01000193);
  return hash ^ (hash >>> 15);
}

function namesMatch(name: string, buf: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== lower(buf[start + i])) return false;
  return true;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
