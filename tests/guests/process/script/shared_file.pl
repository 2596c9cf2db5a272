# Perl: an inherited file handle with buffers, flock, seek seen by both, truncation.
use strict;
use warnings;
use Fcntl qw(:flock :seek);
$| = 1;
open my $f, '+>', 'f' or die;
$f->autoflush(1) if $f->can('autoflush');
syswrite $f, "0123456789";
sysseek $f, 0, SEEK_SET;
if (!fork) { sysread $f, my $b, 4; print "child $b\n"; exit 0 }
wait;
sysread $f, my $b, 4;
print "parent $b\n";
open my $n, '+>', 'n' or die;
syswrite $n, "0    ";
for (1 .. 6) {
    next if fork;
    open my $own, '+<', 'n' or die;
    for (1 .. 10) {
        flock $own, LOCK_EX;
        sysseek $own, 0, SEEK_SET;
        sysread $own, my $v, 5;
        sysseek $own, 0, SEEK_SET;
        syswrite $own, sprintf '%-5d', $v + 1;
        flock $own, LOCK_UN;
    }
    exit 0;
}
1 while wait > 0;
sysseek $n, 0, SEEK_SET;
sysread $n, my $v, 5;
print "counted $v\n";
