# FIFOs between programs; tee into several processes.
# variants: dash bash busybox
mkfifo p q
cat p & echo through p > p; wait
(while read l; do echo "reader: $l"; done < q) & { echo one; echo two; } > q; wait
sort p > sorted & seq 3 -1 1 > p; wait; cat sorted
mkfifo r s; wc -l < r > lines & wc -c < s > bytes & seq 1 100 | tee r > s; wait; cat lines bytes
