// ExportClient: the public API as TypeScript sees it.

import { randomUUID } from "node:crypto";

import { create as message, equals, type MessageInitShape } from "@bufbuild/protobuf";

import { urlOf } from "./direct.js";
import { download, fileOf, stream, type Download, type DownloadOptions, type StreamOptions } from "./download.js";
import { ExportdError } from "./errors.js";
import { Compression, Export_State, ExportSchema, Format, Packaging, type Export, type File } from "./gen/exportd/v1/export_pb.js";
import {
  CollectionView,
  CreateExportRequestSchema,
  ListCollectionsRequestSchema,
  ListExportsRequestSchema,
  type Collection,
  type CreateExportRequest,
  type GetDownloadUrlResponse,
} from "./gen/exportd/v1/export_service_pb.js";
import { Line, type CallOptions, type ClientOptions } from "./line.js";
import { DownloadLinks } from "./links.js";
import { Outage } from "./patience.js";
import type { Source } from "./source.js";

const MAX_PAGE_SIZE = 1000;

export type FormatName = "xlsx" | "csv" | "json" | "jsonl" | "parquet";
export type StateName = "QUEUED" | "PROCESSING" | "COMPLETED" | "FAILED" | "CANCELLED";

type Fields = Omit<MessageInitShape<typeof CreateExportRequestSchema>, "$typeName" | "collection" | "format" | "packaging" | "compression" | "columns">;

/** What to export: a `uri`, or a `type` with an optional `query`. Everything else as in CreateExportRequest. */
export type CreateOptions = ({ uri: string; type?: never } | { uri?: never; type: string }) &
  Fields & {
    /** Default "json". */
    format?: FormatName;
    /** Default "auto": the bare table or, with a password or fileTypes, one ZIP. */
    packaging?: "auto" | "zip" | "separate";
    compression?: "none" | "gzip";
    /** Fields, each alone or with its header; default: all. */
    columns?: (string | { field: string; header: string })[];
  };

export interface ListOptions extends CallOptions {
  states?: StateName[];
  /** Code of a collection. */
  type?: string;
  labels?: Record<string, string>;
}

export interface WatchOptions extends CallOptions {
  /** How long in all; default: as long as it takes. */
  timeoutMs?: number;
}

/**
 * Calls one exportd service on behalf of one tenant. Every method rejects with ExportdError, or with what `signal` was aborted with.
 * Calls are repeated while nobody answers; all of them are safe to repeat.
 */
export class ExportClient {
  readonly #line: Line;
  /** Download links, over the same connection. */
  readonly links: DownloadLinks;

  /** Throws TypeError when the client cannot be made of what is given. */
  constructor(options: ClientOptions = {}) {
    this.#line = new Line(options);
    this.links = new DownloadLinks(this.#line);
  }

  /** Ends the connection, which else keeps the process alive for a while. */
  close(): void {
    this.#line.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Creates an export and resolves immediately, with the export in QUEUED.
   *
   * The same requestId with the same request gives the same export within 24 h; without one each call has its own.
   */
  async create(options: CreateOptions, call: CallOptions = {}): Promise<Export> {
    return this.#line.ask(this.#line.stub.createExport, requestOf(options), call);
  }

  /** The export as it is now. */
  async get(exportId: string, call: CallOptions = {}): Promise<Export> {
    return this.#line.ask(this.#line.stub.getExport, { exportId }, call);
  }

  /** The tenant's exports, newest first, for which all that is given holds; pages are fetched as they are needed. */
  async *list({ states = [], signal, ...filters }: ListOptions = {}): AsyncGenerator<Export, void, undefined> {
    const call = signal ? { signal } : {};
    const request = message(ListExportsRequestSchema, { ...filters, states: states.map((name) => Export_State[name]) });
    do {
      const page = await this.#line.ask(this.#line.stub.listExports, request, call);
      yield* page.exports;
      request.pageToken = page.nextPageToken;
    } while (request.pageToken);
  }

  /**
   * The export as it is now, then again after each change and new progress, until it is done. Goes on by itself after the line
   * broke. Rejects with code DEADLINE_EXCEEDED when it is not done within timeoutMs.
   */
  async *watch(exportId: string, { signal, timeoutMs }: WatchOptions = {}): AsyncGenerator<Export, void, undefined> {
    const outage = new Outage(this.#line, signal, timeoutMs);
    let last: Export | undefined;
    while (!last?.done) {
      try {
        for await (const seen of this.#line.listen(this.#line.stub.watchExport, { exportId }, outage, signal)) {
          outage.over();
          if (last && equals(ExportSchema, seen, last)) continue; // a new stream begins by repeating what is known
          last = seen;
          yield seen;
          if (seen.done) return;
        }
        throw new ExportdError("exportd ended the stream too early", { code: "UNAVAILABLE", passing: true });
      } catch (thrown) {
        await outage.pauseAfter(this.#line.failed(thrown));
      }
    }
  }

  /** The export once it is done: COMPLETED, or CANCELLED. */
  async wait(exportId: string, options: WatchOptions = {}): Promise<Export> {
    let last: Export | undefined;
    for await (last of this.watch(exportId, options));
    return last as Export;
  }

  /** Ends an export that is not done, for good. May be repeated. onlyIfQueued: refuse once a worker has picked it up. */
  async cancel(exportId: string, { onlyIfQueued = false, ...call }: CallOptions & { onlyIfQueued?: boolean } = {}): Promise<Export> {
    return this.#line.ask(this.#line.stub.cancelExport, { exportId, onlyIfQueued }, call);
  }

  /** Removes an export that is done, and its file. May be repeated. */
  async delete(exportId: string, call: CallOptions = {}): Promise<void> {
    await this.#line.ask(this.#line.stub.deleteExport, { exportId }, call);
  }

  /** What can be exported, in the catalog's order, without columns; `collection` shows those of one. */
  async collections(call: CallOptions = {}): Promise<Collection[]> {
    const request = message(ListCollectionsRequestSchema, { pageSize: MAX_PAGE_SIZE, view: CollectionView.BASIC });
    const all: Collection[] = [];
    do {
      const page = await this.#line.ask(this.#line.stub.listCollections, request, call);
      all.push(...page.collections);
      request.pageToken = page.nextPageToken;
    } while (request.pageToken);
    return all;
  }

  /** One collection with its columns. */
  async collection(type: string, call: CallOptions = {}): Promise<Collection> {
    return this.#line.ask(this.#line.stub.getCollection, { type }, call);
  }

  /** The file that a download of `source` would send. */
  async fileOf(source: Source, call: CallOptions = {}): Promise<File> {
    return fileOf(this.#line, source, call);
  }

  /**
   * A URL with which anybody can GET the file of `source` for some minutes: treat it as a secret. Rejects with reason
   * DOWNLOAD_URL_UNSUPPORTED where the service's artifact store signs none.
   */
  async downloadUrl(source: Source, call: CallOptions = {}): Promise<GetDownloadUrlResponse> {
    return urlOf(this.#line, source, call);
  }

  /**
   * Brings the file of an export (its id will do), or a file, to `path`. It appears only when it is whole, verified by size and
   * sha256, and durable. What has arrived is kept beside it: after the line broke, or in a later process, the download goes on there.
   */
  async download(source: Source, path: string, options: DownloadOptions = {}): Promise<Download> {
    return download(this.#line, source, path, options);
  }

  /** The bytes of a file in pieces of up to 1 MiB. Goes on by itself after the line broke; verifying is up to the caller. */
  stream(source: Source, options: StreamOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return stream(this.#line, source, options);
  }
}

/** The state of an export by name: "PROCESSING", say; its number when a newer service sends one. */
export function stateName(one: Export): StateName | (string & {}) {
  return Export_State[one.state] ?? String(one.state);
}

function requestOf({ uri, type, format, packaging, compression, columns = [], ...rest }: CreateOptions): CreateExportRequest {
  return message(CreateExportRequestSchema, {
    ...rest,
    requestId: rest.requestId ?? (rest.validateOnly ? "" : randomUUID()),
    collection: uri !== undefined ? { case: "uri", value: uri } : { case: "type", value: type },
    format: format && valueOf(Format, "format", format),
    packaging: packaging && valueOf(Packaging, "packaging", packaging),
    compression: compression && valueOf(Compression, "compression", compression),
    columns: columns.map((column) => (typeof column === "string" ? { field: column } : column)),
  });
}

function valueOf<Value extends number>(values: { [name: string]: Value | string; [value: number]: string }, field: string, name: string): Value {
  const value = values[name.toUpperCase()];
  if (typeof value === "number") return value;
  const known = Object.keys(values).filter((each) => Number.isNaN(Number(each)) && each !== "UNSPECIFIED");
  const description = `unknown ${JSON.stringify(name)}: ${known.join(", ").toLowerCase()}`;
  throw new ExportdError(description, { code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST", violations: [{ field, description }] });
}
