// An ExportService in this process for what real services do not do: damaged bytes, headers to look at, TLS.

import { createHash } from "node:crypto";
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server, type SecureServerOptions, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";

import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import { ErrorInfoSchema } from "../dist/gen/google/rpc/error_details_pb.js";
import { ExportService } from "../dist/gen/exportd/v1/export_service_pb.js";
import { LinkService } from "../dist/gen/exportd/v1/link_service_pb.js";

export interface Fake {
  target: string;
  headers: Headers[];
  /** What is sent; the announced file is "content". */
  content: string;
  /** How many calls of getExport are to fail first. */
  failures: number;
  /** Of the object store; "": there is none. */
  signedUrl: string;
  close(): void;
}

export async function fakeService(tls?: SecureServerOptions): Promise<Fake> {
  const announced = Buffer.from("content");
  const file = {
    id: "file",
    filename: "../file.csv",
    sizeBytes: BigInt(announced.length),
    sha256: createHash("sha256").update(announced).digest("hex"),
  };
  const handler = connectNodeAdapter({
    routes: (router) => {
      router.service(LinkService, {
        createDownloadLink: (_, { requestHeader }) => {
          fake.headers.push(requestHeader);
          throw new ConnectError("away", Code.Unavailable);
        },
      });
      router.service(ExportService, {
        getExport: (request, { requestHeader }) => {
          fake.headers.push(requestHeader);
          if (fake.failures-- > 0) throw new ConnectError("away", Code.Unavailable);
          return { id: request.exportId };
        },
        getDownloadUrl: () => {
          if (fake.signedUrl) return { url: fake.signedUrl, sizeBytes: file.sizeBytes, sha256: file.sha256 };
          throw new ConnectError("unsupported", Code.FailedPrecondition, undefined, [
            { desc: ErrorInfoSchema, value: { domain: "exportd", reason: "DOWNLOAD_URL_UNSUPPORTED" } },
          ]);
        },
        downloadFile: async function* (request) {
          yield { payload: { case: "header", value: { file, offset: request.offset } } };
          const end = request.limit ? Number(request.offset + request.limit) : undefined;
          yield { payload: { case: "data", value: Buffer.from(fake.content).subarray(Number(request.offset), end) } };
        },
      });
    },
  });
  const server: Http2Server | Http2SecureServer = tls ? createSecureServer(tls, handler) : createServer(handler);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const scheme = tls ? "https://localhost" : "127.0.0.1";
  const fake: Fake = {
    target: `${scheme}:${(server.address() as AddressInfo).port}`,
    headers: [],
    content: "content",
    failures: 0,
    signedUrl: "",
    close: () => {
      server.close();
      sessions.forEach((session) => session.destroy());
    },
  };
  return fake;
}
