// Downloads straight from the object store that holds a file, where it signs URLs and can be reached from here.

import { setTimeout as pause } from "node:timers/promises";

import { create } from "@bufbuild/protobuf";

import { ExportdError } from "./errors.js";
import type { File } from "./gen/exportd/v1/export_pb.js";
import { GetDownloadUrlRequestSchema, type GetDownloadUrlResponse } from "./gen/exportd/v1/export_service_pb.js";
import { LOOPBACK, type CallOptions, type Line } from "./line.js";
import { damaged } from "./partialFile.js";
import { sourceField, type Source } from "./source.js";

/** In a row, without a byte. */
const MAX_TRIES = 4;
const PAUSE_MS = 200;
/** Without a byte, or without an answer. */
const SILENCE_MS = 30_000;

export async function urlOf(line: Line, source: Source, options: CallOptions = {}): Promise<GetDownloadUrlResponse> {
  const request = create(GetDownloadUrlRequestSchema, { source: sourceField(source) });
  return line.ask(line.stub.getDownloadUrl, request, options);
}

/** The bytes of a file from `offset` on. It ends early where the store does not give them: ask the service then. */
export async function* fromStore(line: Line, file: File, offset: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const total = Number(file.sizeBytes);
  for (let tries = 0; offset < total && tries < MAX_TRIES; tries++) {
    const url = await usableUrl(line, file, signal);
    const answer = url && (await answered(url, offset, signal));
    if (!answer) return;
    for await (const data of bytesOf(answer, signal)) {
      tries = -1;
      offset += data.length;
      if (offset > total) throw damaged("the store sent more bytes than the file has; download it again");
      yield data;
    }
    if (offset < total) await pause(PAUSE_MS * (tries + 1), undefined, signal ? { signal } : {});
  }
}

/** "": the store signs none, the service is older than that, or the bytes would go in the clear. */
async function usableUrl(line: Line, file: File, signal?: AbortSignal): Promise<string> {
  try {
    const { url } = await urlOf(line, file, signal ? { signal } : {});
    const { protocol, hostname } = new URL(url);
    return protocol === "https:" || line.url.startsWith("http:") || LOOPBACK.test(hostname) ? url : "";
  } catch (error) {
    if (error instanceof ExportdError && (error.reason === "DOWNLOAD_URL_UNSUPPORTED" || error.code === "UNIMPLEMENTED")) return "";
    throw error;
  }
}

/** Undefined: there is no use in asking from here. An answer that was refused for now has no bytes. No error has the URL. */
async function answered(url: string, offset: number, signal?: AbortSignal): Promise<Answer | undefined> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const answer = await fetch(url, {
      headers: offset ? { range: `bytes=${offset}-` } : {},
      redirect: "error",
      signal: signal ? AbortSignal.any([signal, silence.signal]) : silence.signal,
    });
    const begins = answer.status === 206 && answer.headers.get("content-range")?.startsWith(`bytes ${offset}-`);
    const fits = begins || (answer.status === 200 && !offset);
    if (fits && answer.body) return { body: answer.body, silence, timer };
    await answer.body?.cancel();
    if (answer.status === 403 || answer.status === 429 || answer.status >= 500) return { silence, timer };
    clearTimeout(timer);
    return undefined;
  } catch {
    signal?.throwIfAborted();
    clearTimeout(timer);
    return undefined;
  }
}

interface Answer {
  body?: AsyncIterable<Uint8Array>;
  silence: AbortController;
  timer: NodeJS.Timeout;
}

/** What comes, until it ends or breaks off. */
async function* bytesOf({ body, silence, timer }: Answer, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = body?.[Symbol.asyncIterator]();
  try {
    while (pieces) {
      timer.refresh();
      const next = await pieces.next().catch(() => undefined);
      signal?.throwIfAborted();
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}
