import io.procession.*;
import io.procession.api.*;
import io.procession.model.*;
import io.procession.model.Process;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;

/** What every client does; the same in each language. */
public class Scenario {
  static final String NAME = "java";
  static final ApiClient client = new ApiClient();

  static void expect(String what, Object found, Object wanted) {
    if (!Objects.equals(found, wanted)) throw new AssertionError(what + ": " + found + ", not " + wanted);
    System.out.println("   " + what + " is " + found);
  }

  /** The status and the code of the problem that a call ends with. */
  static String problem(Callable<?> call) throws Exception {
    try {
      call.call();
      return null;
    } catch (ApiException error) {
      return error.getCode() + " " + client.getObjectMapper().readValue(error.getResponseBody(), Problem.class).getCode();
    }
  }

  public static void main(String[] arguments) throws Exception {
    client.updateBaseUri(System.getenv("PROCESSION_URL"));
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + System.getenv("PROCESSION_TOKEN")));
    ProcessesApi processes = new ProcessesApi(client);
    QueuesApi queues = new QueuesApi(client);
    SemaphoresApi semaphores = new SemaphoresApi(client);
    PoolsApi pools = new PoolsApi(client);

    Process hello = processes.createProcess(new ProcessInput().command(List.of("/bin/echo", "hello")));
    expect("the exit code", processes.joinProcess(hello.getName(), null, null).getExitcode(), 0);
    expect("the output", Files.readString(processes.readProcessOutput(hello.getName(), null, null, null, null).toPath()), "hello\n");

    Object message = Map.of("text", "grüße", "number", 7);
    queues.putQueue(NAME, new QueueInput().maxsize(3));
    queues.putMessage(NAME, null, null, null, message);
    expect("the message", queues.getMessage(NAME, null, null, null, null), message);

    semaphores.createSemaphore(new SemaphoreInput().name(NAME).value(1));
    expect("acquired", semaphores.acquireSemaphore(NAME, null, null, null, null).getAcquired(), true);
    expect("acquired once more", semaphores.acquireSemaphore(NAME, false, null, null, null).getAcquired(), false);
    semaphores.releaseSemaphore(NAME, null, null, null);

    WorkerInput worker = new WorkerInput().python(new PythonWorkerInput().source("def square(x): return x * x"));
    pools.createPool(new PoolInput().name(NAME).processes(2L).worker(worker));
    MapInput squares = new MapInput().func("square").iterable(List.of(1, 2, 3));
    expect("the squares", pools.mapPool(NAME, squares, null, null).getValue(), List.of(1, 4, 9));
    pools.deletePool(NAME);

    expect("get of an empty queue", problem(() -> queues.getMessage(NAME, null, false, null, null)), "409 Empty");
    expect("a process that is not there", problem(() -> processes.getProcess("nobody")), "404 NotFound");

    long start = System.nanoTime();
    String seconds = System.getenv("LONG_WAIT");
    Process sleeper = processes.createProcess(new ProcessInput().command(List.of("/bin/sleep", seconds)));
    expect("the exit code after a long wait", processes.joinProcess(sleeper.getName(), null, null).getExitcode(), 0);
    expect("that it was long", System.nanoTime() - start >= Double.parseDouble(seconds) * 1e9, true);
  }
}
