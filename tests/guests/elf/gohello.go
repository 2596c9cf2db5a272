// Go's runtime: goroutines, garbage collection, timers, maps, signals, files.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	fmt.Println("hello", len(os.Args))
	var group sync.WaitGroup
	results := make(chan int, 100)
	for i := 0; i < 100; i++ {
		group.Add(1)
		go func(n int) {
			defer group.Done()
			sum := 0
			for k := 0; k < 1000; k++ {
				sum += k * n
				if k%100 == 0 {
					runtime.Gosched()
				}
			}
			results <- sum
		}(i)
	}
	group.Wait()
	close(results)
	total := 0
	for v := range results {
		total += v
	}
	fmt.Println("sum", total)

	// Garbage.
	keep := map[string][]byte{}
	for i := 0; i < 2000; i++ {
		keep[fmt.Sprint(i%50)] = make([]byte, 10000)
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println("collected", stats.NumGC > 0, len(keep))

	// Timers and a CPU-bound goroutine that has to be preempted.
	stop := make(chan bool)
	spun := make(chan uint64)
	go func() {
		var n uint64
		for {
			select {
			case <-stop:
				spun <- n
				return
			default:
				n++
			}
		}
	}()
	tight := make(chan int)
	go func() {
		x := 1
		for i := 0; i < 300000000; i++ {
			x = x*1664525 + 1013904223
		}
		tight <- x & 1
	}()
	start := time.Now()
	<-time.After(20 * time.Millisecond)
	close(stop)
	// An answer says that the goroutine ran; on a busy machine perhaps only after the timer.
	fmt.Println("timer", time.Since(start) >= 20*time.Millisecond, <-spun >= 0)
	<-tight

	// A signal to itself, a nil dereference as a panic.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println("signal", <-signals)
	func() {
		defer func() { fmt.Println("recovered", recover()) }()
		var p *struct{ a, b int }
		fmt.Println(p.b)
	}()

	// Files and a pipe.
	if err := os.WriteFile("go.txt", []byte(strings.Repeat("line\n", 100)), 0o600); err != nil {
		fmt.Println(err)
	}
	data, err := os.ReadFile("go.txt")
	fmt.Println("file", len(data), err)
	os.Mkdir("d", 0o755)
	for _, n := range []string{"b", "a", "c"} {
		os.Create("d/" + n)
	}
	entries, err := os.ReadDir("d")
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	sort.Strings(names)
	fmt.Println("directory", names, err)
	r, w, _ := os.Pipe()
	go func() {
		time.Sleep(5 * time.Millisecond)
		w.Write([]byte("through a pipe"))
		w.Close()
	}()
	buffer := make([]byte, 100)
	n, err := r.Read(buffer)
	fmt.Println("pipe", string(buffer[:n]), err)
	_, err = os.Open("/no/such/file")
	fmt.Println(err)
	os.Exit(5)
}
