# Command substitution, nested, with statuses, large and with many processes.
# variants: dash bash busybox
x=$(echo inner $(echo nested `echo deepest`)); echo "$x"
y=$(exit 5); echo $?
z=$(seq 1 20000); echo ${#z}
echo "$(echo a; echo b)" "$(printf 'trailing\n\n\n')"
for i in 1 2 3; do v="$v$(expr $i \* $i) "; done; echo $v
w=$(cat <<END
here $(echo document) $((6 * 7))
END
); echo "$w"
echo $(echo $(echo $(echo $(echo five))))
a=$(echo out; echo err >&2) 2>&1; echo "$a"
