// The line to one service: a connection of HTTP/2, as whom it is called, how often a call is made again.

import { randomUUID } from "node:crypto";
import type { SecureClientSessionOptions } from "node:http2";

import { createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { errorOf } from "./errors.js";
import { ExportService } from "./gen/exportd/v1/export_service_pb.js";
import { LinkService } from "./gen/exportd/v1/link_service_pb.js";
import { Outage, PATIENCE, type Contact, type Patience } from "./patience.js";

const DEFAULT_PORT = 50051;
/** Then a stream ends, and the operation goes on with the next one: no call lasts for ever. */
const MAX_STREAM_MS = 3_600_000;
/** Key of the metadata that says under what id the service's log has a call. */
const REQUEST_ID = "x-request-id";
export const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Of a client. */
export interface ClientOptions {
  /** "host:port", or a URL; "https://host:port" is encrypted. Default "127.0.0.1:50051". */
  target?: string;
  /** Whose exports; default "default", or that of the API key. */
  tenant?: string;
  /** The key, or what gives the present one; sent over https, or on this machine, only. */
  apiKey?: string | (() => string);
  /** Certificates: `ca` of the authorities that are trusted, `cert` and `key` of the client. */
  tls?: Pick<SecureClientSessionOptions, "ca" | "cert" | "key" | "servername">;
  /** How long a call that answers once may take; default 30 s. */
  timeoutMs?: number;
  patience?: Partial<Patience>;
}

/** Of one operation. */
export interface CallOptions {
  /** Ends it when it is aborted. */
  signal?: AbortSignal;
}

/** What every unary method of the generated client is. */
type Ask<Request, Answer> = (request: Request, options: Sent) => Promise<Answer>;
type Listen<Request, Answer> = (request: Request, options: Sent & { timeoutMs: number }) => AsyncIterable<Answer>;
interface Sent {
  signal?: AbortSignal;
  headers: Record<string, string>;
}

export class Line implements Contact {
  readonly stub: Client<typeof ExportService>;
  readonly links: Client<typeof LinkService>;
  readonly patience: Patience;
  readonly url: string;
  answered = false;
  readonly #sessions: Http2SessionManager;

  /** Throws TypeError when the client cannot be made of what is given. */
  constructor(options: ClientOptions) {
    this.url = urlOf(options.target ?? "127.0.0.1");
    this.patience = { ...PATIENCE, ...options.patience };
    const secure = this.url.startsWith("https:");
    if (options.apiKey && !secure && !LOOPBACK.test(new URL(this.url).hostname)) {
      throw new TypeError("an API key is sent over TLS only: give an https:// target, or one on this machine");
    }
    const pings = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000, pingIdleConnection: false };
    this.#sessions = new Http2SessionManager(this.url, pings, secure ? options.tls : {});
    const transport = createGrpcTransport({
      baseUrl: this.url,
      sessionManager: this.#sessions,
      defaultTimeoutMs: options.timeoutMs ?? 30_000,
      interceptors: [credentials(options)],
    });
    this.stub = createClient(ExportService, transport);
    this.links = createClient(LinkService, transport);
  }

  /** Closes the connection; calls that are under way end. */
  close(): void {
    this.#sessions.abort();
  }

  /** One answer to a request that is safe to repeat: it is, after failures that pass. */
  async ask<Request, Answer>(method: Ask<Request, Answer>, request: Request, options: CallOptions = {}): Promise<Answer> {
    const outage = new Outage(this, options.signal);
    for (;;) {
      try {
        return await this.askOnce(method, request, options);
      } catch (thrown) {
        await outage.pauseAfter(this.failed(thrown));
      }
    }
  }

  /** One answer to a request that must not be repeated. */
  async askOnce<Request, Answer>(method: Ask<Request, Answer>, request: Request, options: CallOptions = {}): Promise<Answer> {
    const requestId = randomUUID();
    try {
      const answer = await method(request, { ...options, headers: { [REQUEST_ID]: requestId } });
      this.answered = true;
      return answer;
    } catch (thrown) {
      throw this.failed(thrown, requestId);
    }
  }

  /** The messages of one stream. */
  async *listen<Request, Answer>(method: Listen<Request, Answer>, request: Request, outage: Outage, signal?: AbortSignal): AsyncGenerator<Answer, void, undefined> {
    const timeoutMs = outage.leftMs(MAX_STREAM_MS);
    const requestId = randomUUID();
    const headers = { [REQUEST_ID]: requestId };
    try {
      for await (const message of method(request, signal ? { signal, timeoutMs, headers } : { timeoutMs, headers })) {
        this.answered = true;
        yield message;
      }
    } catch (thrown) {
      throw errorOf(thrown, requestId);
    }
  }

  /** The error of a call, which was sent with `requestId`, and what it tells about the line. */
  failed(thrown: unknown, requestId = "") {
    const error = errorOf(thrown, requestId);
    this.answered ||= error.reason !== "";
    return error;
  }
}

/** `target` as a URL, with exportd's own port when it names none. Throws TypeError. */
export function urlOf(target: string): string {
  const url = new URL(/^https?:\/\//.test(target) ? target : `http://${target}`);
  const port = /:\d+\/?$/.test(target) ? url.port || (url.protocol === "https:" ? 443 : 80) : DEFAULT_PORT;
  return `${url.protocol}//${url.hostname}:${port}`;
}

function credentials({ tenant, apiKey }: ClientOptions): Interceptor {
  const whose = tenant ?? (apiKey ? undefined : "default");
  return (next) => (request) => {
    if (whose) request.header.set("x-exportd-tenant", whose);
    if (apiKey) request.header.set("authorization", `Bearer ${typeof apiKey === "function" ? apiKey() : apiKey}`);
    return next(request);
  };
}
