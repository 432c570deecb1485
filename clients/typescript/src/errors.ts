// What can go wrong: one error, which says what the caller should do next.

import { Code, ConnectError } from "@connectrpc/connect";

import type { ErrorReason } from "./gen/exportd/v1/error_reason_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/** Name of an ErrorReason, such as "COLLECTION_NOT_FOUND", or one of a newer service; "" when the service did not answer. */
export type Reason = keyof typeof ErrorReason | (string & {});

/** One thing that is wrong with a request. */
export interface Violation {
  /** Path of the field, such as "columns". */
  field: string;
  description: string;
}

/** Facts of an error. */
export interface ErrorFacts {
  /** Name of the gRPC status, such as "NOT_FOUND". */
  code: string;
  reason?: Reason;
  /** Facts that go with the reason, such as { nearest: "Invoices" }. */
  metadata?: Record<string, string>;
  violations?: Violation[];
  retryAfterMs?: number | undefined;
  requestId?: string;
  passing?: boolean;
  cause?: unknown;
}

/** Any failure of a call. */
export class ExportdError extends Error {
  override readonly name = "ExportdError";
  readonly code: string;
  readonly reason: Reason;
  readonly metadata: Record<string, string>;
  /** Of an INVALID_REQUEST, the first ones that an answer has room for. */
  readonly violations: Violation[];
  /** How long the service asks to wait; undefined when it does not say. */
  readonly retryAfterMs: number | undefined;
  /** Under which the service's log has the call, if it came there; "" when no call was made. */
  readonly requestId: string;
  /** True when the very same call may succeed a little later. */
  readonly passing: boolean;

  constructor(message: string, facts: ErrorFacts) {
    super(message, { cause: facts.cause });
    this.code = facts.code;
    this.reason = facts.reason ?? "";
    this.metadata = facts.metadata ?? {};
    this.violations = facts.violations ?? [];
    this.retryAfterMs = facts.retryAfterMs;
    this.requestId = facts.requestId ?? "";
    this.passing = facts.passing ?? false;
  }

  /** True when no answer came, or it broke off: what was asked may have been done. */
  get unreachable(): boolean {
    return this.reason === "" && this.passing;
  }
}

// Without a reason it was the line that spoke: the service gives one with every error.
const OF_THE_LINE = new Set([Code.Unavailable, Code.Aborted, Code.Canceled, Code.DeadlineExceeded, Code.Internal, Code.Unknown]);

/** The error of a failed call, which was sent with `requestId`, with all that google.rpc.Status tells. */
export function errorOf(thrown: unknown, requestId: string): ExportdError {
  if (thrown instanceof ExportdError) return thrown;
  const failed = ConnectError.from(thrown);
  const info = failed.findDetails(ErrorInfoSchema).find((each) => each.domain === "exportd");
  const delay = failed.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const reason = info?.reason ?? "";
  return new ExportdError(failed.rawMessage || nameOf(failed.code), {
    code: nameOf(failed.code),
    reason,
    metadata: info?.metadata ?? {},
    violations: failed
      .findDetails(BadRequestSchema)
      .flatMap((each) => each.fieldViolations.map(({ field, description }) => ({ field, description }))),
    retryAfterMs: delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
    requestId,
    passing: reason ? failed.code === Code.Unavailable || reason === "TOO_MANY_STREAMS" : OF_THE_LINE.has(failed.code),
    cause: thrown,
  });
}

function nameOf(code: Code): string {
  return code === Code.Canceled ? "CANCELLED" : Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
