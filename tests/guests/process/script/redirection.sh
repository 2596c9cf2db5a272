# Redirections: order, append by several, descriptors duplicated and closed, clobber, read-write.
# variants: dash bash busybox
{ echo out; echo err >&2; } > f 2>&1; cat f
{ echo out; echo err >&2; } 2>&1 > f | sed 's/^/piped: /'; cat f
exec 5> g; echo five >&5; (echo six >&5); exec 5>&-; cat g
(echo x >&5) 2>/dev/null || echo closed
for i in 1 2 3; do echo $i >> h & wait; done; cat h
echo 0123456789 > k; exec 6<> k; dd bs=1 count=4 <&6 2>/dev/null; echo; echo XY >&6; exec 6>&-; cat k
cat < /dev/null; echo $?
cat < missing 2>/dev/null; echo $?
set -C; echo y > f 2>/dev/null || echo kept; echo z >| f; cat f
read a < k; echo $a
