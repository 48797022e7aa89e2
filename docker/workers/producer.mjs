// Puts numbers into the queue `numbers`, and says when it has put the last one.
import { readFileSync } from "node:fs";

const base = process.env.PROCESSION_URL + "/v1";
const token = readFileSync(process.env.PROCESSION_TOKEN_FILE, "utf8").trim();
const count = Number(process.env.COUNT ?? 100);

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(base + path, { method, headers, body });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
}

await call("PUT", "/queues/numbers", JSON.stringify({ maxsize: 10 }));
for (let number = 1; number <= count; number++) await call("POST", "/queues/numbers/put", String(number));
await call("POST", "/queues/numbers/close");
console.log(`put ${count} numbers`);
