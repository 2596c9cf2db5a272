// What a program can learn of names and interfaces: getaddrinfo, getifaddrs, ioctls of `lo`.
// variants: static musl
#include "inet.h"
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

static void look_up(const char *host, const char *service, int family, int flags)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list = 0;
    int error = getaddrinfo(host, service, &hints, &list);
    say("%s %s %d: %s", host ? host : "-", service ? service : "-", family, error ? "none" : "found");
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        char text[100] = "", port[20] = "";
        getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        say("  %s %s %d %d", text, port, a->ai_socktype, a->ai_protocol);
    }
    if (list)
        freeaddrinfo(list);
}

int main(void)
{
    look_up("127.0.0.1", "80", AF_UNSPEC, AI_NUMERICHOST | AI_NUMERICSERV);
    look_up("::1", "80", AF_UNSPEC, AI_NUMERICHOST | AI_NUMERICSERV);
    look_up(0, "80", AF_INET, AI_PASSIVE | AI_NUMERICSERV);
    look_up(0, "80", AF_INET, AI_NUMERICSERV);
    look_up("localhost", "80", AF_INET, AI_NUMERICSERV);
    struct ifaddrs *list = 0;
    if (getifaddrs(&list))
        say("getifaddrs %s", error_name(errno));
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (strcmp(i->ifa_name, "lo") || !i->ifa_addr)
            continue;
        int family = i->ifa_addr->sa_family;
        if (family == AF_INET || family == AF_INET6)
            say("lo %s mask %s flags %x", show((address *)i->ifa_addr, 1), show((address *)i->ifa_netmask, 1), i->ifa_flags);
    }
    if (list)
        freeifaddrs(list);
    say("index %u", if_nametoindex("lo"));
    char name[IF_NAMESIZE] = "";
    say("name %s", if_indextoname(1, name));
    say("other %u %s", if_nametoindex("nothing0"), error_name(errno));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request[8];
    memset(request, 0, sizeof request);
    strcpy(request[0].ifr_name, "lo");
    failed("flags", ioctl(fd, SIOCGIFFLAGS, request));
    say("%x", request[0].ifr_flags);
    failed("address", ioctl(fd, SIOCGIFADDR, request));
    say("%s", show((address *)&request[0].ifr_addr, 1));
    failed("mask", ioctl(fd, SIOCGIFNETMASK, request));
    say("%s", show((address *)&request[0].ifr_addr, 1));
    failed("hardware", ioctl(fd, SIOCGIFHWADDR, request));
    say("%d", request[0].ifr_hwaddr.sa_family);
    strcpy(request[0].ifr_name, "nothing0");
    failed("flags", ioctl(fd, SIOCGIFFLAGS, request));
    struct ifconf list2 = {sizeof request, {(char *)request}};
    failed("list", ioctl(fd, SIOCGIFCONF, &list2));
    for (int i = 0; i < list2.ifc_len / (int)sizeof *request; i++)
        if (!strcmp(request[i].ifr_name, "lo"))
            say("listed %s", show((address *)&request[i].ifr_addr, 1));
    failed("odd", ioctl(fd, 0x1234, &list2));
    failed("raw", socket(AF_INET, SOCK_RAW, 0));
    failed("netlink", socket(AF_NETLINK, SOCK_STREAM, 0));
    return 0;
}
