// Download links: somebody without credentials downloads one file.

import { create as message } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";

import {
  CreateDownloadLinkRequestSchema,
  ListDownloadLinksRequestSchema,
  type CreateDownloadLinkResponse,
  type DownloadLink,
} from "./gen/exportd/v1/link_service_pb.js";
import type { CallOptions, Line } from "./line.js";

const MAX_PAGE_SIZE = 1000;

/** A link to the file of an export, or to a file, which may be that of attachments. */
export type LinkOptions = ({ exportId: string; fileId?: never } | { exportId?: never; fileId: string }) & {
  /** How long it lasts, from a minute to the maximum of the service, which is the default. It never outlasts its file. */
  lastsMs?: number;
  /** How often it can be used, up to 1000; default 0: any number of times. */
  maxUses?: number;
  /** What it is for. */
  label?: string;
};

/** Creates, lists and revokes download links. */
export class DownloadLinks {
  readonly #line: Line;

  constructor(line: Line) {
    this.#line = line;
  }

  /**
   * Creates a link and resolves with its token and its URL, which cannot be shown again. The call is made once: if nobody answers,
   * list the links before you repeat it.
   */
  async create({ exportId, fileId, lastsMs, ...rest }: LinkOptions, call: CallOptions = {}): Promise<CreateDownloadLinkResponse> {
    const request = message(CreateDownloadLinkRequestSchema, {
      ...rest,
      source: fileId !== undefined ? { case: "fileId", value: fileId } : { case: "exportId", value: exportId },
      ...(lastsMs === undefined ? {} : { lasts: durationOf(lastsMs) }),
    });
    return this.#line.askOnce(this.#line.links.createDownloadLink, request, call);
  }

  /** The links of an export by id, also those that have ended; pages are fetched as they are needed. */
  async *list(exportId: string, call: CallOptions = {}): AsyncGenerator<DownloadLink, void, undefined> {
    const request = message(ListDownloadLinksRequestSchema, { exportId, pageSize: MAX_PAGE_SIZE });
    do {
      const page = await this.#line.ask(this.#line.links.listDownloadLinks, request, call);
      yield* page.links;
      request.pageToken = page.nextPageToken;
    } while (request.pageToken);
  }

  /** Ends a link within a second. May be repeated. */
  async revoke(linkId: string, call: CallOptions = {}): Promise<DownloadLink> {
    return this.#line.ask(this.#line.links.revokeDownloadLink, { linkId }, call);
  }
}

function durationOf(milliseconds: number) {
  const seconds = Math.floor(milliseconds / 1000);
  return message(DurationSchema, { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) });
}
