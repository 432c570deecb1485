// A relay of TCP on loopback whose connections break.

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export interface Relay {
  target: string;
  /** How many connections were broken. */
  broken: number;
  close(): void;
}

/** Each connection breaks when it has brought the next number of bytes; later ones hold. */
export async function breakingRelay(target: string, afterBytes: number[]): Promise<Relay> {
  const [host, port] = target.split(":") as [string, string];
  const budgets = [...afterBytes];
  const open = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(Number(port), host);
    let budget = budgets.shift() ?? Infinity;
    for (const each of [near, far]) {
      open.add(each);
      each.on("error", () => {});
      each.on("close", () => [near, far].forEach((one) => one.destroy()));
    }
    near.pipe(far);
    far.on("data", (data: Buffer) => {
      if (budget <= 0) return; // broken already; what was on its way still comes
      near.write(data.subarray(0, budget));
      budget -= data.length;
      if (budget <= 0) {
        relay.broken++;
        near.resetAndDestroy();
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const relay: Relay = {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    broken: 0,
    close: () => {
      server.close();
      open.forEach((each) => each.destroy());
    },
  };
  return relay;
}
