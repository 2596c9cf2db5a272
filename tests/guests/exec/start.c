// Executing programs of every kind from every kind: what they find at their start.
// variants: static static-pie pie nonpie musl musl-pie
// args: elf/start-bare
// args: elf/hello-pie
// args: elf/hello-musl-pie
// args: elf/hello-static-pie
// args: elf/auxv-static
// args: elf/tls-pie
// args: /bin/true
#include "exec.h"

int main(int argc, char **argv)
{
    char path[PATH_MAX];
    if (argc != 2)
        return 1;
    if (argv[1][0] == '/') {
        snprintf(path, sizeof path, "%s", argv[1]);
    } else {
        snprintf(path, sizeof path, "%s", self());
        for (int n = 0; n < 2; n++)
            *strrchr(path, '/') = 0;
        snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", argv[1]);
    }
    say("to %s", argv[1]);
    // Registers that a program must not inherit.
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\tpcmpeqd %%xmm15, %%xmm15\n\tmov $-1, %%r15\n\tmov $-1, %%rbx" ::
                         : "xmm0", "xmm15", "r15", "rbx");
    execve(path, (char *[]){argv[1], NULL}, environ);
    die("execve");
}
