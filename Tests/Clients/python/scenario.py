"""What every client does; the same in each language."""

import os
import sys
import time

from procession import (
    ApiClient, ApiException, Configuration, MapInput, PoolInput, PoolsApi, ProcessesApi, ProcessInput, PythonWorkerInput,
    QueueInput, QueuesApi, SemaphoreInput, SemaphoresApi, WorkerInput,
)

client = ApiClient(Configuration(host=os.environ["PROCESSION_URL"], access_token=os.environ["PROCESSION_TOKEN"]))
processes, queues, semaphores, pools = ProcessesApi(client), QueuesApi(client), SemaphoresApi(client), PoolsApi(client)


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found!r}, not {wanted!r}")
    print("  ", what, "is", repr(found), flush=True)


def problem(call):
    try:
        call()
    except ApiException as error:
        return error.status, error.data.code
    return None


hello = processes.create_process(ProcessInput(command=["/bin/echo", "hello"]))
expect("the exit code", processes.join_process(hello.name).exitcode, 0)
expect("the output", processes.read_process_output(hello.name), b"hello\n")

queues.put_queue("python", QueueInput(maxsize=3))
queues.put_message("python", body={"text": "grüße", "number": 7})
expect("the message", queues.get_message("python"), {"text": "grüße", "number": 7})

semaphores.create_semaphore(SemaphoreInput(name="python", value=1))
expect("acquired", semaphores.acquire_semaphore("python").acquired, True)
expect("acquired once more", semaphores.acquire_semaphore("python", block=False).acquired, False)
semaphores.release_semaphore("python")

worker = WorkerInput(python=PythonWorkerInput(source="def square(x): return x * x"))
pools.create_pool(PoolInput(name="python", processes=2, worker=worker))
expect("the squares", pools.map_pool("python", MapInput(func="square", iterable=[1, 2, 3])).value, [1, 4, 9])
pools.delete_pool("python")

expect("get of an empty queue", problem(lambda: queues.get_message("python", block=False)), (409, "Empty"))
expect("a process that is not there", problem(lambda: processes.get_process("nobody")), (404, "NotFound"))

seconds, start = float(os.environ["LONG_WAIT"]), time.monotonic()
sleeper = processes.create_process(ProcessInput(command=["/bin/sleep", str(seconds)]))
expect("the exit code after a long wait", processes.join_process(sleeper.name).exitcode, 0)
expect("that it was long", time.monotonic() - start >= seconds, True)
