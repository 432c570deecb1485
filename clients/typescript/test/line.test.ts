// Where a service is, who calls, and what happens when it does not answer or sends what it should not.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { ExportClient, ExportdError } from "../dist/index.js";
import { urlOf } from "../dist/line.js";
import { fakeService } from "./fake.ts";

const certificates = process.env["CERTIFICATES"]!;

describe("the line", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "exportd-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("has exportd's own port unless another is given", () => {
    assert.equal(urlOf("exportd"), "http://exportd:50051");
    assert.equal(urlOf("[::1]:7000"), "http://[::1]:7000");
    assert.equal(urlOf("https://exportd:443"), "https://exportd:443");
    assert.throws(() => urlOf("no host"), TypeError);
  });

  it("never sends a key where others can read it", () => {
    assert.throws(() => new ExportClient({ target: "exportd.internal", apiKey: "exd_1" }), /over TLS only/);
    new ExportClient({ target: "https://exportd.internal", apiKey: "exd_1" }).close();
  });

  it("asks for the key before each call, and sends no tenant with it", async () => {
    const fake = await fakeService();
    const keys = ["one", "two"];
    using client = new ExportClient({ target: fake.target, apiKey: () => keys.shift()! });
    await client.get("any");
    await client.get("any");
    assert.deepEqual(fake.headers.map((each) => each.get("authorization")), ["Bearer one", "Bearer two"]);
    assert.deepEqual(fake.headers.map((each) => each.get("x-exportd-tenant")), [null, null]);
    using other = new ExportClient({ target: fake.target, tenant: "acme" });
    await other.get("any");
    assert.equal(fake.headers.at(-1)?.get("x-exportd-tenant"), "acme");
    assert.ok(fake.headers.every((each) => each.get("grpc-timeout")), "a call without a deadline");
    assert.equal(new Set(fake.headers.map((each) => each.get("x-request-id") ?? "")).size, 3, "a call without a request id");
    fake.close();
  });

  it("creates a link once, since another call would create another one", async () => {
    const fake = await fakeService();
    using client = new ExportClient({ target: fake.target });
    const refused = (error: unknown) => error instanceof ExportdError && error.unreachable && error.requestId !== "";
    await assert.rejects(client.links.create({ exportId: "any" }), refused);
    assert.equal(fake.headers.length, 1);
    fake.close();
  });

  it("is encrypted with the certificates that are given", async () => {
    const pem = await readFile(join(certificates, "localhost.pem"));
    const fake = await fakeService({ key: pem, cert: pem });
    const ca = await readFile(join(certificates, "localhost.ca.pem"));
    using client = new ExportClient({ target: fake.target, tls: { ca } });
    assert.equal((await client.get("mine")).id, "mine");
    using distrustful = new ExportClient({ target: fake.target, patience: { firstContactMs: 0 } });
    await assert.rejects(distrustful.get("mine"), (error: unknown) => error instanceof ExportdError && error.unreachable);
    fake.close();
  });

  it("repeats calls while the service is away, and gives up at the end of its patience", async () => {
    const fake = await fakeService();
    fake.failures = 3;
    using client = new ExportClient({ target: fake.target, patience: { shortestMs: 1 } });
    assert.equal((await client.get("mine")).id, "mine");
    assert.equal(fake.headers.length, 4);
    fake.failures = Infinity;
    using hasty = new ExportClient({ target: fake.target, patience: { firstContactMs: 20, shortestMs: 1 } });
    await assert.rejects(hasty.get("mine"), (error: unknown) => error instanceof ExportdError && error.unreachable);
    fake.close();
  });

  it("leaves no file when the bytes are others than those announced", async () => {
    const fake = await fakeService();
    using client = new ExportClient({ target: fake.target });
    for (const content of ["c0ntent", "content and more"]) {
      fake.content = content;
      await assert.rejects(client.download("any", folder), { code: "DATA_LOSS" });
    }
    const all = async () => {
      for await (const _ of client.stream("any"));
    };
    await assert.rejects(all, { code: "DATA_LOSS" }, "more bytes than the file has were handed on");
    assert.deepEqual(await readdir(folder), []);
    fake.content = "content";
    assert.equal((await client.download("any", folder)).path, join(folder, "file.csv"));
    await rm(join(folder, "file.csv"));
    fake.close();
  });

  it("does not write a part that another process writes, unless that one is dead", async () => {
    const fake = await fakeService();
    using client = new ExportClient({ target: fake.target });
    const { sha256 } = await client.fileOf("any");
    const lock = join(folder, `f.${sha256.slice(0, 16)}.part.lock`);
    await writeFile(lock, `${process.ppid}`);
    await assert.rejects(client.download("any", join(folder, "f")), /is being written by another download/);
    await writeFile(lock, "999999999");
    await client.download("any", join(folder, "f"));
    assert.deepEqual(await readdir(folder), ["f"]);
    fake.close();
  });
});
