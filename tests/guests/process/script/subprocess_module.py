# Python: subprocess in its many forms.
import signal
import subprocess
import sys

run = subprocess.run
print(run(["echo", "captured"], capture_output=True, text=True).stdout, end="")
print(run("exit 3", shell=True).returncode)
print(run(["cat"], input=b"x" * 300000, capture_output=True).stdout == b"x" * 300000)
print(run(["sh", "-c", "kill -9 $$"]).returncode)
try:
    run(["sleep", "5"], timeout=0.1)
except subprocess.TimeoutExpired:
    print("timeout")
for command in (["/nonexistent"], ["/"]):
    try:
        run(command)
    except OSError as error:
        print(type(error).__name__)
a = subprocess.Popen(["seq", "1", "1000"], stdout=subprocess.PIPE)
b = subprocess.Popen(["grep", "-c", "9"], stdin=a.stdout, stdout=subprocess.PIPE)
a.stdout.close()
print(b.communicate()[0], a.wait())
p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
for i in range(3):
    p.stdin.write(f"ping {i}\n")
    print(p.stdout.readline(), end="")
p.stdin.close()
print(p.wait())
p = subprocess.Popen(["sleep", "100"], start_new_session=True)
p.send_signal(signal.SIGTERM)
print(p.wait())
print(run(["sh", "-c", "pwd; echo $A"], cwd="/", env={"A": "b"}, capture_output=True, text=True).stdout.split())
print(run(["sh", "-c", "umask"], umask=0o77, capture_output=True, text=True).stdout.strip())
own = [sys.executable, "-S", "-c", "import os; print(os.getpgrp() == os.getpid())"]
print(run(own, process_group=0, capture_output=True, text=True).stdout.strip())
print(
    run(
        ["sh", "-c", "echo out; echo err >&2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ).stdout.split()
)
many = [subprocess.Popen(["sh", "-c", f"exit {i}"]) for i in range(30)]
print(sum(p.wait() for p in many))
print(run(["sh", "-c", "exit 5"], preexec_fn=lambda: None).returncode)
