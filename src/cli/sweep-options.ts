// The flags of `spillway sweep`.
import type { ToolOptions } from './tool.js';

export interface SweepCommandOptions extends ToolOptions {
  readonly apply?: boolean;
  readonly rule?: readonly string[];
  readonly maxKeys?: number;
  /** 0 … 1. */
  readonly spread: number;
  /** 0 … 1. */
  readonly until?: number | 'never';
  readonly ttl?: string;
  readonly idle?: string;
  readonly journal?: string;
  readonly resume?: string;
  readonly undo?: string;
}
