-- LuaJIT compiles traces to machine code and calls C through its foreign function interface.
local ffi = require("ffi")
ffi.cdef [[ int getpid(void); int getppid(void); long write(int, const void *, size_t); double sqrt(double);
typedef struct { int32_t a; double b; } pair; int qsort(void *, size_t, size_t, int (*)(const void *, const void *)); ]]
local sum = 0
for i = 1, 3e7 do sum = (sum + i * 7) % 1000003 end
print("loop", sum)
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print("fib", fib(27))
local array = ffi.new("pair[?]", 1000)
for i = 0, 999 do array[i].a = (i * 7919) % 1000; array[i].b = i / 3 end
local total = 0
for r = 1, 300 do for i = 0, 999 do total = total + array[i].b end end
print("ffi", string.format("%.3f", total))
local n = 0
for i = 1, 200000 do if ffi.C.getpid() == ffi.C.getpid() then n = n + 1 end end
print("calls", n)
local numbers = ffi.new("int[100]")
for i = 0, 99 do numbers[i] = (i * 37) % 100 end
ffi.C.qsort(numbers, 100, 4, function(a, b)
    return ffi.cast("const int *", a)[0] - ffi.cast("const int *", b)[0]
end)
print("callback", numbers[0], numbers[50], numbers[99])
local parts = {}
for i = 1, 20000 do parts[#parts + 1] = string.format("%d", i) end
local text = table.concat(parts, ",")
print("strings", #text, select(2, text:gsub("9", "")))
local co = coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i * i) end end)
print("coroutine", co(), co(), co(), co(), co())
print("jit", jit.status() == true)
os.exit(4)
