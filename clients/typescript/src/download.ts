// Downloads that go on where they were cut off.

import { create } from "@bufbuild/protobuf";

import { fromStore } from "./direct.js";
import { ExportdError } from "./errors.js";
import type { File } from "./gen/exportd/v1/export_pb.js";
import { DownloadFileRequestSchema, type DownloadFileRequest, type DownloadHeader } from "./gen/exportd/v1/export_service_pb.js";
import type { CallOptions, Line } from "./line.js";
import { damaged, destination, Part } from "./partialFile.js";
import { Outage } from "./patience.js";
import { isFile, sourceField, type Source } from "./source.js";

export interface StreamOptions extends CallOptions {
  /** First byte; default 0. */
  offset?: number;
  /** Bytes at most; 0, the default: all. */
  limit?: number;
  /** Of the only file that will do; default: the first that is sent. */
  sha256?: string;
}

export interface DownloadOptions extends CallOptions {
  /** Replace what is at the path; default true. */
  overwrite?: boolean;
  /**
   * Take the bytes straight from the object store, where the service has one that signs URLs and that can be reached from here; what it does
   * not give comes from the service. Default false.
   */
  direct?: boolean;
  /** Called with the bytes that are there and those of the whole file. */
  onProgress?: (done: number, total: number) => void;
}

/** A file that arrived: whole, verified and durable. */
export interface Download {
  file: File;
  path: string;
  /** Bytes that an earlier, interrupted download had left. */
  resumedAt: number;
  /** Bytes that came straight from the object store. */
  directBytes: number;
}

export async function fileOf(line: Line, source: Source, options: CallOptions = {}): Promise<File> {
  if (isFile(source)) return source;
  const outage = new Outage(line, options.signal);
  for (;;) {
    try {
      // One byte rather than none: a limit of 0 means all of them.
      for await (const [file] of oneStream(line, requestOf(source, 0, 1, ""), outage, options.signal)) return file;
    } catch (thrown) {
      await outage.pauseAfter(line.failed(thrown));
    }
  }
}

export async function* stream(line: Line, source: Source, options: StreamOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
  let { offset = 0, limit = 0, sha256 = isFile(source) ? source.sha256 : "" } = options;
  let goal = limit ? offset + limit : Infinity;
  const outage = new Outage(line, options.signal);
  while (offset < goal) {
    const request = requestOf(source, offset, Number.isFinite(goal) && limit ? goal - offset : 0, sha256);
    try {
      for await (const [file, data] of oneStream(line, request, outage, options.signal)) {
        sha256 = file.sha256;
        goal = endOf(file, request);
        if (!data.length) continue;
        outage.over();
        offset += data.length;
        yield data;
      }
    } catch (thrown) {
      await outage.pauseAfter(line.failed(thrown));
    }
  }
}

export async function download(line: Line, source: Source, path: string, options: DownloadOptions = {}): Promise<Download> {
  const file = await fileOf(line, source, options);
  const place = await destination(path, file);
  const part = await Part.open(place, file, options.overwrite ?? true);
  try {
    const resumedAt = part.size;
    if (options.direct) await fill(fromStore(line, file, part.size, options.signal), part, options);
    const directBytes = part.size - resumedAt;
    if (!options.direct || BigInt(part.size) < file.sizeBytes) await fill(rest(line, part, options), part, options);
    await part.finish();
    return { file, path: place, resumedAt, directBytes };
  } catch (error) {
    if (error instanceof ExportdError && ["DATA_LOSS", "ABORTED"].includes(error.code)) await part.discard();
    throw error;
  } finally {
    await part.close();
  }
}

async function fill(pieces: AsyncGenerator<Uint8Array, void, undefined>, part: Part, { onProgress }: DownloadOptions): Promise<void> {
  const total = Number(part.file.sizeBytes);
  onProgress?.(part.size, total);
  for await (const data of pieces) {
    await part.append(data);
    onProgress?.(part.size, total);
  }
}

function rest(line: Line, part: Part, { signal }: DownloadOptions): AsyncGenerator<Uint8Array, void, undefined> {
  return stream(line, part.file, { offset: part.size, sha256: part.file.sha256, ...(signal && { signal }) });
}

/** The file with each of its pieces, the first one empty. Throws unless all that was asked for has come. */
async function* oneStream(line: Line, request: DownloadFileRequest, outage: Outage, signal?: AbortSignal): AsyncGenerator<[File, Uint8Array], void, undefined> {
  let position = Number(request.offset);
  let file: File | undefined;
  for await (const { payload } of line.listen(line.stub.downloadFile, request, outage, signal)) {
    if (!file) {
      file = accepted(payload.case === "header" ? payload.value : undefined, request);
      yield [file, new Uint8Array()];
    } else if (payload.case === "data") {
      position += payload.value.length;
      if (position > endOf(file, request)) throw damaged("the service sent more bytes than the file has; download it again");
      yield [file, payload.value];
    }
  }
  if (!file || position < endOf(file, request)) {
    throw new ExportdError(`exportd at ${line.url} ended the stream too early`, { code: "UNAVAILABLE", passing: true });
  }
}

function accepted(header: DownloadHeader | undefined, request: DownloadFileRequest): File {
  if (!header?.file || header.offset !== request.offset) throw damaged("the service sent other bytes than those asked for");
  if (request.ifSha256 && header.file.sha256 !== request.ifSha256) {
    throw new ExportdError("the service has another file now; download it from the start", { code: "ABORTED" });
  }
  return header.file;
}

function endOf(file: File, { offset, limit }: DownloadFileRequest): number {
  const size = Number(file.sizeBytes);
  return limit ? Math.min(size, Number(offset + limit)) : size;
}

function requestOf(source: Source, offset: number, limit: number, ifSha256: string): DownloadFileRequest {
  return create(DownloadFileRequestSchema, {
    source: sourceField(source),
    offset: BigInt(offset),
    limit: BigInt(limit),
    ifSha256,
  });
}
