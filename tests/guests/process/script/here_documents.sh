# Here-documents, small and larger than a pipe, in loops and functions, with descriptors.
# variants: dash bash
cat <<A; cat <<'B'
expanded $((1 + 1)) $(echo sub)
A
not $((1 + 1)) $(echo sub)
B
i=0; while read line; do i=$((i + 1)); echo "$i:$line"; done <<END
first
second
END
big=$(seq 1 20000)
cat <<END | wc -c
$big
END
exec 3<<END
through descriptor 3
END
cat <&3
f() { cat <<-END
	tabs stripped $1
	END
}
f one; f two
sh <<'END'
echo a script from a here-document
exit 4
END
echo $?
