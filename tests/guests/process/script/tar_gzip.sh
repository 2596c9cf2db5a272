# tar with a compressor as another process, both ways, through pipes and files.
# variants: dash
mkdir -p d/e; for i in 1 2 3 4; do seq 1 ${i}000 > d/f$i; done; ln -s f1 d/link; ln d/f2 d/e/hard
tar cf - d | gzip -c | gzip -dc | tar tf - | sort
tar czf a.tar.gz d && mkdir x && tar xzf a.tar.gz -C x && diff -r d x/d && echo same
cmp d/f4 x/d/f4 && stat -c %h x/d/e/hard
tar cf - d | (cd x && rm -rf d && tar xf -) && cat x/d/f3 | wc -l
gzip d/f1 d/f3 && gzip -l d/f1.gz | tail -1 | tr -s ' ' | cut -d' ' -f3
gzip -t d/f3.gz; echo $?
echo garbage | gzip -dc 2>/dev/null; echo $?
