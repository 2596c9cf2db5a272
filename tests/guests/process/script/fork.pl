# Perl: fork, waitpid, pipes both ways, open with |, backticks, kill, signals, exec.
use strict;
use warnings;
$| = 1;
my $pid = fork // die;
if (!$pid) { exit 7 }
waitpid $pid, 0;
print "status ", $? >> 8, "\n";
pipe my $r, my $w or die;
if (!fork) { close $r; print $w "line $_\n" for 1 .. 3; exit 0 }
close $w;
print "got $_" while <$r>;
wait;
open my $in, '-|', 'echo from a command; exit 3' or die;
print while <$in>;
close $in;
print "closed with ", $? >> 8, "\n";
open my $out, '|-', 'tr a-z A-Z' or die;
print $out "to a command\n";
close $out;
print `echo backticks`;
my @lines = `seq 1 5`;
print scalar(@lines), "\n";
system 'sh', '-c', 'exit 9';
print "system ", $? >> 8, "\n";
system 'kill -15 $$';
print "signal ", $? & 127, "\n";
my $got = 0;
local $SIG{USR1} = sub { $got++ };
$pid = fork // die;
if (!$pid) { kill 'USR1', getppid; exit 0 }
waitpid $pid, 0;
print "got $got\n";
$SIG{CHLD} = 'IGNORE';
if (!fork) { exit 1 }
print "wait ", wait, "\n";
$SIG{CHLD} = 'DEFAULT';
my %kids;
for my $n (1 .. 20) {
    my $p = fork // die;
    if (!$p) { exit $n }
    $kids{$p} = $n;
}
my $right = 0;
while ((my $p = wait) > 0) { $right++ if $kids{$p} == $? >> 8 }
print "right $right\n";
if (open my $child, '-|') { print "implicit: $_" while <$child> }
else { print "hello from the fork\n"; exit 0 }
exec 'echo', 'exec at the end';
