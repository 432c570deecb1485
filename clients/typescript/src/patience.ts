// How long an operation goes on while the service does not answer.

import { setTimeout as pause } from "node:timers/promises";

import { ExportdError } from "./errors.js";

/** How long calls are repeated while the service can't be reached, in milliseconds. */
export interface Patience {
  /** When it has never answered: most likely the address is wrong. */
  firstContactMs: number;
  /** Since it last answered: most likely it restarts. */
  outageMs: number;
  /** Pauses between two calls double from the shortest to the longest, with jitter. */
  shortestMs: number;
  longestMs: number;
}

export const PATIENCE: Patience = { firstContactMs: 3_000, outageMs: 60_000, shortestMs: 100, longestMs: 5_000 };

/** Whether the service has ever answered on a line. */
export interface Contact {
  readonly patience: Patience;
  answered: boolean;
}

/** The failures in a row of one operation. */
export class Outage {
  readonly #line: Contact;
  readonly #ends: number;
  readonly #signal: AbortSignal | undefined;
  #since: number | undefined;
  #pauseMs: number;

  /** timeoutMs: how long the operation may last in all; undefined: as long as it takes. */
  constructor(line: Contact, signal?: AbortSignal, timeoutMs?: number) {
    this.#line = line;
    this.#signal = signal;
    this.#ends = performance.now() + (timeoutMs ?? Infinity);
    this.#pauseMs = line.patience.shortestMs;
  }

  /** The operation made progress: the next failure is a first one again. */
  over(): void {
    this.#since = undefined;
    this.#pauseMs = this.#line.patience.shortestMs;
  }

  /** How long the next call may take, at most `mostMs`. Throws DEADLINE_EXCEEDED. */
  leftMs(mostMs: number): number {
    const left = this.#ends - performance.now();
    if (left <= 0) throw late();
    return Math.min(left, mostMs);
  }

  /** Resolves when the call is to be made again; throws `error` when it does not pass or patience is at its end. */
  async pauseAfter(error: ExportdError): Promise<void> {
    this.#signal?.throwIfAborted();
    if (!error.passing) throw error;
    const now = performance.now();
    this.#since ??= now;
    const jitter = this.#pauseMs * (0.5 + Math.random() / 2);
    const pauseMs = Math.max(jitter, error.retryAfterMs ?? 0);
    if (now + pauseMs >= this.#ends) throw late(error);
    const { patience, answered } = this.#line;
    if (now + pauseMs > this.#since + (answered ? patience.outageMs : patience.firstContactMs)) throw error;
    await pause(pauseMs, undefined, this.#signal ? { signal: this.#signal } : {});
    this.#pauseMs = Math.min(this.#pauseMs * 2, patience.longestMs);
  }
}

function late(cause?: unknown): ExportdError {
  const requestId = cause instanceof ExportdError ? cause.requestId : "";
  return new ExportdError("not done in time; the export goes on all the same", { code: "DEADLINE_EXCEEDED", requestId, cause });
}
