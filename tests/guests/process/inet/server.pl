# A forking server and its clients in Perl.
use strict;
use warnings;
use Socket;

$| = 1;
socket(my $server, PF_INET, SOCK_STREAM, getprotobyname('tcp') || 6) or die "socket: $!";
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, 1) or die "option: $!";
bind($server, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
listen($server, 5) or die "listen: $!";
my ($port) = sockaddr_in(getsockname($server));
my $parent = fork();
if (!$parent) {
    for (1 .. 3) {
        my $peer = accept(my $client, $server);
        my ($from, $address) = sockaddr_in($peer);
        my $child = fork();
        if (!$child) {
            my $line = <$client>;
            print $client "from ", inet_ntoa($address), ": ", scalar reverse($line), "\n";
            close($client);
            exit 0;
        }
        close($client);
        waitpid($child, 0);
    }
    exit 7;
}
for my $word ("one\n", "two\n", "three\n") {
    socket(my $client, PF_INET, SOCK_STREAM, 6) or die "socket: $!";
    connect($client, sockaddr_in($port, INADDR_LOOPBACK)) or die "connect: $!";
    select((select($client), $| = 1)[0]);
    print $client $word;
    print while <$client>;
    close($client);
}
waitpid($parent, 0);
print $? >> 8, "\n";
