# make with four jobs: dependencies, failures, -k, recursive make with its job server.
# variants: dash
mkdir sub
cat > Makefile <<'END'
all: a b c d sub
	@cat a b c d
a b c d:
	@echo $@ > $@
d: a b
.PHONY: sub fail all
sub:
	@$(MAKE) -s -C sub
fail: f1 f2
f1:
	@exit 3
f2:
	@echo f2 > f2
END
printf 'all: x y z\n\t@cat x y z > xyz\nx y z:\n\t@echo $@ > $@\n' > sub/Makefile
make -s -j4 2>/dev/null; echo $?; cat sub/xyz
make -s -j4 all; echo again $?
make -s -k -j2 fail 2>/dev/null; echo $?; cat f2
make -s nothing 2>/dev/null; echo $?
seq 1 40 | sed 's/.*/t&: ; @echo & > t&/' > Many; printf 'all:'  > All; seq 1 40 | sed 's/^/ t/' | tr -d '\n' >> All; echo >> All; cat Many >> All
make -s -j8 -f All all; ls t* | wc -l
