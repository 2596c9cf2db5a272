# find -exec, xargs in parallel, xargs with many arguments.
# variants: dash
mkdir -p a/b c; for i in 1 2 3; do echo $i > a/f$i; echo $i > a/b/g$i; done
find . -name 'f*' -exec cat {} \; | sort
find . -name 'g*' -exec echo {} + | tr ' ' '\n' | sort
find . -type f -print0 | xargs -0 -n 2 cat | sort | uniq -c
seq 1 20 | xargs -P 4 -n 1 sh -c 'echo $(($0 * $0))' | sort -n | tail -3
seq 1 5000 | xargs | wc -w
seq 1 3 | xargs -I{} sh -c 'exit 0'; echo $?
seq 1 3 | xargs -n1 sh -c 'exit $0'; echo $?
echo | xargs -n1 sh -c 'exit 255' 2>/dev/null; echo $?
find a -type f -exec sh -c 'test $(cat $1) = 2' _ {} \; -print | sort
