// What every client does; the same in each language.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"time"

	"procession"
)

const name = "go"

func expect(what string, found, wanted any) {
	if !reflect.DeepEqual(found, wanted) {
		fail(fmt.Errorf("%s: %#v, not %#v", what, found, wanted))
	}
	fmt.Printf("   %s is %#v\n", what, found)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func must[Result, Response any](result Result, _ Response, err error) Result {
	if err != nil {
		fail(err)
	}
	return result
}

func done[Response any](_ Response, err error) {
	if err != nil {
		fail(err)
	}
}

// The status and the code of the problem that an error is.
func problem(err error) string {
	var failure *procession.GenericOpenAPIError
	if !errors.As(err, &failure) {
		return fmt.Sprint(err)
	}
	problem, ok := failure.Model().(procession.Problem)
	if !ok {
		return fmt.Sprintf("%T", failure.Model())
	}
	return fmt.Sprint(problem.Status, " ", problem.Code)
}

func main() {
	configuration := procession.NewConfiguration()
	configuration.Servers[0].URL = os.Getenv("PROCESSION_URL")
	client := procession.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), procession.ContextAccessToken, os.Getenv("PROCESSION_TOKEN"))
	processes, queues, semaphores, pools := client.ProcessesAPI, client.QueuesAPI, client.SemaphoresAPI, client.PoolsAPI

	hello := must(processes.CreateProcess(ctx).ProcessInput(procession.ProcessInput{Command: []string{"/bin/echo", "hello"}}).Execute())
	expect("the exit code", must(processes.JoinProcess(ctx, hello.Name).Execute()).GetExitcode(), int32(0))
	output, err := io.ReadAll(must(processes.ReadProcessOutput(ctx, hello.Name).Execute()))
	done(output, err)
	expect("the output", string(output), "hello\n")

	queue := procession.NewQueueInput()
	queue.SetMaxsize(3)
	must(queues.PutQueue(ctx, name).QueueInput(*queue).Execute())
	done(queues.PutMessage(ctx, name).Body(map[string]any{"text": "grüße", "number": 7}).Execute())
	expect("the message", must(queues.GetMessage(ctx, name).Execute()), any(map[string]any{"text": "grüße", "number": 7.0}))

	semaphore := procession.NewSemaphoreInput()
	semaphore.SetName(name)
	semaphore.SetValue(1)
	must(semaphores.CreateSemaphore(ctx).SemaphoreInput(*semaphore).Execute())
	expect("acquired", must(semaphores.AcquireSemaphore(ctx, name).Execute()).Acquired, true)
	expect("acquired once more", must(semaphores.AcquireSemaphore(ctx, name).Block(false).Execute()).Acquired, false)
	done(semaphores.ReleaseSemaphore(ctx, name).Execute())

	pool := procession.NewPoolInput()
	pool.SetName(name)
	pool.SetProcesses(2)
	worker, python := procession.NewWorkerInput(), procession.NewPythonWorkerInput()
	python.SetSource("def square(x): return x * x")
	worker.SetPython(*python)
	pool.SetWorker(*worker)
	must(pools.CreatePool(ctx).PoolInput(*pool).Execute())
	squares := must(pools.MapPool(ctx, name).MapInput(*procession.NewMapInput("square", []any{1, 2, 3})).Execute())
	expect("the squares", squares.Value, []any{1.0, 4.0, 9.0})
	done(pools.DeletePool(ctx, name).Execute())

	_, _, err = queues.GetMessage(ctx, name).Block(false).Execute()
	expect("get of an empty queue", problem(err), "409 Empty")
	_, _, err = processes.GetProcess(ctx, "nobody").Execute()
	expect("a process that is not there", problem(err), "404 NotFound")

	seconds, err := strconv.Atoi(os.Getenv("LONG_WAIT"))
	done(seconds, err)
	start := time.Now()
	sleeper := must(processes.CreateProcess(ctx).ProcessInput(procession.ProcessInput{Command: []string{"/bin/sleep", strconv.Itoa(seconds)}}).Execute())
	expect("the exit code after a long wait", must(processes.JoinProcess(ctx, sleeper.Name).Execute()).GetExitcode(), int32(0))
	expect("that it was long", time.Since(start) >= time.Duration(seconds)*time.Second, true)
}
