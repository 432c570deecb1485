// Downloads straight from an object store: the same file, whatever the store does.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";

import { ExportClient, ExportdError } from "../dist/index.js";
import { fakeService, type Fake } from "./fake.ts";

const CONTENT = "content";

describe("a direct download", () => {
  let folder: string;
  let fake: Fake;
  let store: Server;
  let offsets: number[];
  /** Of the next answers: a status without bytes, or how many bytes to send before the line breaks. */
  let faults: ({ status: number } | { cut: number })[];
  let stored: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "exportd-"));
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    [offsets, faults, stored] = [[], [], CONTENT];
    fake = await fakeService();
    store = createServer((request, response) => {
      const offset = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      offsets.push(offset);
      const fault = faults.shift();
      if (fault && "status" in fault) return response.writeHead(fault.status, { location: "http://127.0.0.1:9/" }).end();
      const body = Buffer.from(stored).subarray(offset);
      const range = offset ? { "content-range": `bytes ${offset}-${stored.length - 1}/${stored.length}` } : {};
      response.writeHead(offset ? 206 : 200, { ...range, "content-length": body.length });
      if (!fault) return response.end(body);
      response.write(body.subarray(0, fault.cut), () => response.destroy());
    });
    await new Promise<void>((listening) => store.listen(0, "127.0.0.1", listening));
    fake.signedUrl = `http://127.0.0.1:${(store.address() as AddressInfo).port}/bucket/key?X-Amz-Signature=secret`;
  });
  afterEach(() => {
    fake.close();
    store.close();
    store.closeAllConnections();
  });

  const downloaded = async (name: string) => {
    using client = new ExportClient({ target: fake.target });
    const done = await client.download("export", join(folder, name), { direct: true });
    assert.equal(await readFile(done.path, "utf8"), CONTENT);
    return done;
  };

  it("takes every byte from the store", async () => {
    assert.equal((await downloaded("whole")).directBytes, CONTENT.length);
    assert.deepEqual(offsets, [0]);
    using client = new ExportClient({ target: fake.target });
    assert.deepEqual([(await client.downloadUrl("export")).url, (await client.downloadUrl("export")).sizeBytes], [fake.signedUrl, 7n]);
  });

  it("goes on where it broke off, with another URL", async () => {
    faults = [{ cut: 3 }, { status: 403 }, { status: 503 }];
    assert.equal((await downloaded("broken")).directBytes, CONTENT.length);
    assert.deepEqual(offsets, [0, 3, 3, 3]);
  });

  it("goes on with what an earlier process left", async () => {
    using client = new ExportClient({ target: fake.target });
    const { sha256 } = await client.fileOf("export");
    await writeFile(join(folder, `left.${sha256.slice(0, 16)}.part`), CONTENT.slice(0, 2));
    const done = await downloaded("left");
    assert.deepEqual([done.resumedAt, done.directBytes, offsets], [2, 5, [2]]);
  });

  it("leaves to the service what the store does not give", async () => {
    const signed = fake.signedUrl;
    for (const url of ["", "http://127.0.0.1:9/key"]) {
      fake.signedUrl = url;
      assert.equal((await downloaded("service")).directBytes, 0);
    }
    fake.signedUrl = signed;
    for (const status of [302, 404]) {
      faults = [{ status }];
      assert.equal((await downloaded("refused")).directBytes, 0);
    }
    faults = [{ cut: 2 }, ...Array.from({ length: 4 }, () => ({ status: 500 }))];
    assert.equal((await downloaded("given up")).directBytes, 2);
  });

  it("takes no other bytes for the file", async () => {
    for (const other of ["c0ntent", "contents"]) {
      stored = other;
      await assert.rejects(downloaded("damaged"), (error: unknown) => error instanceof ExportdError && error.code === "DATA_LOSS");
    }
    assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith("damaged")), []);
  });
});
