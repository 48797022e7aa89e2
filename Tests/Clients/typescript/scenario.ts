// What every client does; the same in each language.
import { Configuration, PoolsApi, Problem, ProcessesApi, QueuesApi, ResponseError, SemaphoresApi } from "./procession";

// Node's own names: its types are no part of TypeScript.
declare const process: { env: Record<string, string>; exit(code: number): never };

const configuration = new Configuration({
  basePath: process.env.PROCESSION_URL,
  accessToken: process.env.PROCESSION_TOKEN,
});
const processes = new ProcessesApi(configuration);
const queues = new QueuesApi(configuration);
const semaphores = new SemaphoresApi(configuration);
const pools = new PoolsApi(configuration);
const name = "typescript";

function expect(what: string, found: unknown, wanted: unknown) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
  console.log("  ", what, "is", JSON.stringify(found));
}

async function problem(call: Promise<unknown>): Promise<[number, string] | undefined> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    const problem: Problem = await error.response.json();
    return [error.response.status, problem.code];
  }
  return undefined;
}

async function scenario() {
  const hello = await processes.createProcess({ processInput: { command: ["/bin/echo", "hello"] } });
  expect("the exit code", (await processes.joinProcess({ name: hello.name })).exitcode, 0);
  expect("the output", await (await processes.readProcessOutput({ name: hello.name })).text(), "hello\n");

  await queues.putQueue({ name, queueInput: { maxsize: 3 } });
  await queues.putMessage({ name, body: { text: "grüße", number: 7 } });
  expect("the message", await queues.getMessage({ name }), { text: "grüße", number: 7 });

  await semaphores.createSemaphore({ semaphoreInput: { name, value: 1 } });
  expect("acquired", (await semaphores.acquireSemaphore({ name })).acquired, true);
  expect("acquired once more", (await semaphores.acquireSemaphore({ name, block: false })).acquired, false);
  await semaphores.releaseSemaphore({ name });

  const worker = { python: { source: "def square(x): return x * x" } };
  await pools.createPool({ poolInput: { name, processes: 2, worker } });
  expect("the squares", (await pools.mapPool({ name, mapInput: { func: "square", iterable: [1, 2, 3] } })).value, [1, 4, 9]);
  await pools.deletePool({ name });

  expect("get of an empty queue", await problem(queues.getMessage({ name, block: false })), [409, "Empty"]);
  expect("a process that is not there", await problem(processes.getProcess({ name: "nobody" })), [404, "NotFound"]);

  const seconds = Number(process.env.LONG_WAIT);
  const start = Date.now();
  const sleeper = await processes.createProcess({ processInput: { command: ["/bin/sleep", String(seconds)] } });
  expect("the exit code after a long wait", (await processes.joinProcess({ name: sleeper.name })).exitcode, 0);
  expect("that it was long", Date.now() - start >= seconds * 1000, true);
}

scenario().catch((error) => {
  console.error(error);
  process.exit(1);
});
