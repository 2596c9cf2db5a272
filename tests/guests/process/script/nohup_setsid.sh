# nohup, setsid, nice and env as wrappers.
# variants: dash
nohup sh -c 'kill -HUP $$; echo survived' 2>/dev/null
setsid sh -c 'test $(cut -d" " -f6 /proc/$$/stat) = $$ && echo leads a session'
setsid -w sh -c 'exit 5'; echo $?
nice -n 5 nice
nice -n 5 sh -c 'nice -n 3 nice'
env X=1 sh -c 'echo $X'
